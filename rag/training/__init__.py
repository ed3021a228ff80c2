"""Makes the reader's weights (`docs/reader.md`). Nothing here is imported when Dossier runs."""
