"""What a run says about every claim, with criteria that were fixed before it."""
