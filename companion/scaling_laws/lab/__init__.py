"""Our experiments: heat maps, designs, known truth, a live family, facts of the data."""
