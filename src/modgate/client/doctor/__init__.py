"""`modgate doctor`: independent checks that return findings, and the verdict drawn from all of them."""
