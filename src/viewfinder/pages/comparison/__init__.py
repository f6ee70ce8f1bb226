"""The page that `viewfinder compare` writes."""
