"""What the page shows: figures, tables, explorers and exercises; nothing here changes a number."""
