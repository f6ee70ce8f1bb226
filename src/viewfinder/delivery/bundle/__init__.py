"""The bundle of a run: one file with the model and all that its predictions depend on.

pack       a run → a bundle
golden     the pictures that travel in it, with their expected results
verify     a bundle → the largest difference of each format from the expected results
signature  signing it, and checking the signature, with `model-signing`

`viewfinder.classifier.bundle` reads bundles.
"""
