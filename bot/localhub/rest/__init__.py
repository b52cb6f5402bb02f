"""The REST API, one file a family; `ROUTES` is all of it, in the order in which paths are tried."""

from bot.localhub.api import Routes
from bot.localhub.rest.apps import routes as apps
from bot.localhub.rest.checks import routes as checks
from bot.localhub.rest.comments import routes as comments
from bot.localhub.rest.issues import routes as issues
from bot.localhub.rest.pulls import routes as pulls
from bot.localhub.rest.refs import routes as refs
from bot.localhub.rest.repos import routes as repos
from bot.localhub.rest.reviews import routes as reviews
from bot.localhub.rest.users import routes as users

ROUTES: tuple[Routes, ...] = (apps, users, comments, issues, reviews, pulls, checks, refs, repos)
