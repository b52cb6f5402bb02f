"""Pages for people: what a repository, an issue and a pull request look like, and forms to act on them.

Plain HTML without scripts; each form does what the REST API does, through the same functions.
"""
