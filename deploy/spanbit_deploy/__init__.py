"""Puts a bundle and its runner on a board, runs and times them there.

    from spanbit_deploy.place import open_place
    from spanbit_deploy.release import locked, push

The command line is spanbit_deploy/cli/. This package imports `spanbit`, never the reverse.
"""
