"""How much an archive may become: one rule, for what is unpacked and what is read in place."""

# No picture or table of numbers packs better than this; zeros pack a thousandfold.
MOST_RATIO = 200
# Below this much, nothing is called a bomb: small blank pictures and tables pack extremely well.
HARMLESS_BYTES = 256 << 20


def most_unpacked(packed: int, ratio: int = MOST_RATIO) -> int:
    """The most bytes that so many packed bytes may become."""
    return max(HARMLESS_BYTES, ratio * packed)
