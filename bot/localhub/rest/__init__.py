"""The REST API, one file a family; `ROUTES` is all of it, in the order in which paths are tried."""

from bot.localhub.api import Routes
from bot.localhub.rest.actions import routes as actions
from bot.localhub.rest.apps import routes as apps
from bot.localhub.rest.checks import routes as checks
from bot.localhub.rest.comments import routes as comments
from bot.localhub.rest.deployments import routes as deployments
from bot.localhub.rest.issues import routes as issues
from bot.localhub.rest.protection import routes as protection
from bot.localhub.rest.pulls import routes as pulls
from bot.localhub.rest.refs import routes as refs
from bot.localhub.rest.repos import routes as repos
from bot.localhub.rest.review_comments import routes as review_comments
from bot.localhub.rest.reviews import routes as reviews
from bot.localhub.rest.users import routes as users

ROUTES: tuple[Routes, ...] = (
    apps,
    users,
    comments,
    issues,
    review_comments,
    reviews,
    pulls,
    checks,
    deployments,
    actions,
    refs,
    protection,
    repos,
)
