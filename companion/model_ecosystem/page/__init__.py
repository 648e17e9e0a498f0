"""What the page shows: figures, tables, an explorer, exercises; nothing here changes a number."""
