"""Articles in; passages, vectors and a word index out. Knows nothing of questions."""
