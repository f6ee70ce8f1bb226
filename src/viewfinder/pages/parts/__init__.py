"""What several pages are built from: charts, thumbnails, words, the environment."""
