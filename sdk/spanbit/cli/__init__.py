"""The command line: `spanbit ...`. The way in is `spanbit.cli.main:main`."""
