"""`python -m deploy.minqing` is the same as `minqing`."""

from deploy.minqing import cli

cli.main()
