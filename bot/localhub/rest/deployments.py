"""REST: deployments and what became of them."""

from bot.localhub import deployments
from bot.localhub.api import Call, Routes
from bot.localhub.errors import not_found
from bot.localhub.people import Role
from bot.localhub.shapes.deployments import deployment_json, deployment_status_json

routes = Routes()
DEPLOYMENTS = "/repos/{owner}/{repo}/deployments"
DEPLOYMENT = f"{DEPLOYMENTS}/{{deployment_id:int}}"
RESOURCE = "deployments"


@routes.get(DEPLOYMENTS)
def list_deployments(call: Call) -> object:
    """GitHub's `repos/list-deployments`."""
    repo, query = call.repo(resource=RESOURCE), call.query
    found = [
        deployment
        for deployment in deployments.deployments_of(call.hub, repo, call.until())
        if all(query.get(name) in (None, "none", getattr(deployment, name)) for name in ("sha", "ref", "task"))
        and query.get("environment") in (None, "none", deployment.environment)
    ]
    return call.page(found, lambda deployment: deployment_json(call.view, repo, deployment))


@routes.add("POST", DEPLOYMENTS, 201)
def create_deployment(call: Call) -> object:
    """GitHub's `repos/create-deployment`."""
    repo = call.repo(Role.WRITE, RESOURCE, "write")
    return deployment_json(call.view, repo, deployments.create(call.hub, repo, call.body(), call.actor))


@routes.get(DEPLOYMENT)
def get_deployment(call: Call) -> object:
    """GitHub's `repos/get-deployment`."""
    repo = call.repo(resource=RESOURCE)
    found = deployments.find_deployment(call.hub, repo, int(call.parameters["deployment_id"]))
    return deployment_json(call.view, repo, found)


@routes.get(f"{DEPLOYMENT}/statuses")
def list_deployment_statuses(call: Call) -> object:
    """GitHub's `repos/list-deployment-statuses`."""
    repo = call.repo(resource=RESOURCE)
    deployment = deployments.find_deployment(call.hub, repo, int(call.parameters["deployment_id"]))
    found = [status for status in deployments.statuses_of(call.hub, deployment) if status.born <= call.until()]
    return call.page(found, lambda status: deployment_status_json(call.view, repo, status))


@routes.add("POST", f"{DEPLOYMENT}/statuses", 201)
def create_deployment_status(call: Call) -> object:
    """GitHub's `repos/create-deployment-status`."""
    repo = call.repo(Role.WRITE, RESOURCE, "write")
    deployment = deployments.find_deployment(call.hub, repo, int(call.parameters["deployment_id"]))
    status = deployments.add_status(call.hub, repo, deployment, call.body(), call.actor)
    return deployment_status_json(call.view, repo, status)


@routes.get(f"{DEPLOYMENT}/statuses/{{status_id:int}}")
def get_deployment_status(call: Call) -> object:
    """GitHub's `repos/get-deployment-status`."""
    repo = call.repo(resource=RESOURCE)
    deployment = deployments.find_deployment(call.hub, repo, int(call.parameters["deployment_id"]))
    for status in deployments.statuses_of(call.hub, deployment):
        if status.id == int(call.parameters["status_id"]):
            return deployment_status_json(call.view, repo, status)
    raise not_found()
