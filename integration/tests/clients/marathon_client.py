"""Drives a Marathon with the public Python client (`marathon` 0.13.0) and says what it saw.

Usage: marathon_client.py URL COMPAT

Every step prints one line; the first thing that is not as the client documents it ends the program with a
traceback and status 1.
"""

import sys
import threading
import time

from marathon import MarathonClient, MarathonError, MarathonHttpError, NotFoundError
from marathon.exceptions import ConflictError
from marathon.models import MarathonApp, MarathonHealthCheck
from marathon.models.constraint import MarathonConstraint
from marathon.models.container import MarathonContainer, MarathonDockerContainer
from marathon.models.events import (
    MarathonAppTerminatedEvent,
    MarathonDeploymentSuccess,
    MarathonHealthStatusChangedEvent,
    MarathonStatusUpdateEvent,
)

PATIENCE = 60


def say(text):
    print(text, flush=True)


def eventually(what, check):
    """Polls a condition; the interval is only how often it is asked."""
    end = time.monotonic() + PATIENCE
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def refused(error, status, action):
    try:
        action()
    except error as caught:
        assert caught.status_code == status, caught
        return caught
    raise AssertionError(f"expected {error.__name__} {status}")


class Listener:
    """Collects typed events in the background."""

    def __init__(self, client, types):
        self.seen = []
        self.error = None
        self.attached = threading.Event()
        threading.Thread(target=self.listen, args=(client, types), daemon=True).start()
        assert self.attached.wait(PATIENCE), "the stream did not say that it is attached"

    def listen(self, client, types):
        try:
            for event in client.event_stream(event_types=["event_stream_attached", *types]):
                self.attached.set()
                self.seen.append(event)
        except Exception as error:  # shown by the main thread
            self.error = error

    def has(self, kind, **fields):
        assert self.error is None, self.error
        return [
            event
            for event in self.seen
            if isinstance(event, kind) and all(getattr(event, k, None) == v for k, v in fields.items())
        ]


def definition(instances):
    return MarathonApp(
        container=MarathonContainer(
            docker=MarathonDockerContainer(
                image="test-server:1",
                network="BRIDGE",
                port_mappings=[{"containerPort": 3000, "hostPort": 0}],
            )
        ),
        constraints=[MarathonConstraint("hostname", "GROUP_BY")],
        health_checks=[MarathonHealthCheck(path="/healthcheck", protocol="HTTP", interval_seconds=1)],
        instances=instances,
        labels={"team": "a"},
        mem=16,
        cpus=0.1,
    )


def deployed(client, answer):
    deployment = answer["deploymentId"]
    eventually("the deployment", lambda: deployment not in [d.id for d in client.list_deployments()])


def main(url, compat):
    client = MarathonClient(url)
    name = "/app/production/web"
    assert client.ping() == b'"pong"', client.ping()
    info = client.get_info()
    assert info.name == "marathon" and info.version.startswith(compat), info
    assert client.get_leader()["leader"] == info.leader
    say(f"info: {info.version}")

    types = [
        MarathonDeploymentSuccess,
        MarathonStatusUpdateEvent,
        MarathonHealthStatusChangedEvent,
        MarathonAppTerminatedEvent,
    ]
    # Marathon 0.13 knows no filter, and the client knows its heavy plans.
    events = Listener(client, types)

    app = client.create_app(name, definition(2))
    assert app.id == name and app.deployments, app
    assert name in client.list_deployments()[0].affected_apps
    eventually("the deployment", lambda: not client.list_deployments())
    app = client.get_app(name)
    assert (app.tasks_running, app.tasks_healthy, app.instances) == (2, 2, 2), app
    eventually("typed events", lambda: len(events.has(MarathonHealthStatusChangedEvent, app_id=name, alive=True)) == 2)
    assert events.has(MarathonDeploymentSuccess, id=app_deployment(events))
    say("created")

    assert [a.id for a in client.list_apps(embed_tasks=True, label="team==a")] == [name]
    assert client.list_apps(label="team!=a") == []
    tasks = client.list_tasks(name)
    assert len(tasks) == 2 and all(t.ports and t.started_at for t in tasks), tasks
    assert all(t.health_check_results[0].alive for t in tasks)
    assert len(client.list_tasks()) == 2
    assert client.list_queue() == []
    assert len(client.list_endpoints()) == 2
    assert client.get_group("/app").groups
    assert client.get_metrics()["version"]
    say("listed")

    first = client.get_app(name).version
    deployed(client, client.scale_app(name, delta=1))
    assert client.get_app(name).instances == 3
    assert {t.id for t in tasks} <= {t.id for t in client.list_tasks(name)}
    say("scaled")

    before = {t.id for t in client.list_tasks(name)}
    answer = client.restart_app(name)
    locked = refused(ConflictError, 409, lambda: client.restart_app(name))
    assert locked.error_message.startswith("App is locked by one or more deployments."), locked
    deployed(client, answer)
    after = {t.id for t in client.list_tasks(name)}
    assert len(after) == 3 and not before & after
    say("restarted")

    deployed(client, client.update_app(name, MarathonApp(env={"COLOUR": "green"})))
    assert client.get_app(name).env == {"COLOUR": "green"}
    assert len(client.list_versions(name)) == 4
    assert client.get_version(name, first).instances == 2
    deployed(client, client.rollback_app(name, first))
    app = client.get_app(name)
    assert app.instances == 2 and not app.env, app
    say("rolled back")

    # It never listens, so the deployment hangs until it is deleted.
    stuck = client.update_app(name, MarathonApp(cmd="exec sleep 600"))["deploymentId"]
    eventually("the deployment", lambda: stuck in [d.id for d in client.list_deployments()])
    deployed(client, client.delete_deployment(stuck))
    assert client.get_app(name).cmd is None
    say("reverted")

    victim = client.list_tasks(name)[0].id
    assert client.kill_task(name, victim).id == victim
    eventually("TASK_KILLED", lambda: events.has(MarathonStatusUpdateEvent, task_id=victim, task_status="TASK_KILLED"))
    say("killed")

    client.create_app("/crash", MarathonApp(cmd="exit 1", backoff_seconds=300, cpus=0.1, mem=16))
    entry = eventually("the queue", client.list_queue)[0]
    assert entry.app.id == "/crash" and not entry.delay.overdue, entry
    client.reset_delay("/crash")
    deployed(client, client.delete_app("/crash", force=True))
    say("queued")

    refused(NotFoundError, 404, lambda: client.get_app("/none"))
    refused(NotFoundError, 404, lambda: client.rollback_app(name, "2020-01-01T00:00:00.000Z"))
    exists = refused(ConflictError, 409, lambda: client.create_app(name, definition(1)))
    assert exists.error_message == f"An app with id [{name}] already exists.", exists
    invalid = refused(MarathonHttpError, 422, lambda: client.create_app("/empty", MarathonApp()))
    assert invalid.error_message == "Object is not valid", invalid
    say("refused")

    deployed(client, client.delete_app(name))
    refused(NotFoundError, 404, lambda: client.get_app(name))
    eventually("the event", lambda: events.has(MarathonAppTerminatedEvent, app_id=name))
    assert client.list_tasks() == []
    say("deleted")


def app_deployment(events):
    return eventually("deployment_success", lambda: events.has(MarathonDeploymentSuccess))[0].id


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MarathonError as error:
        raise SystemExit(f"the client failed: {error!r}") from error
