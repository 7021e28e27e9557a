"""`python -m fhirtrial.cli`, the same as the `fhirtrial` command."""

from fhirtrial.cli import main

main()
