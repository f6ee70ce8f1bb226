"""Archives from outside: hostile until checked, member by member."""
