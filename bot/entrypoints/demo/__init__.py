"""`issuewright demo`: a whole run on this machine, from a labelled issue to a merged pull request.

It drives localhub and the service from outside, as people would: nothing here imports the bot's inside.
"""
