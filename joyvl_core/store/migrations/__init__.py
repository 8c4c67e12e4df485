"""How the tables came to be what they are: part of the package, so that an installed JoyVL can make them."""
