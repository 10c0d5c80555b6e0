"""Scaling, killing and recreating everything under load; run by hand it prints its figures too."""

import rounds


def steps(stack, clients):
    """(name, what is done) in this order."""
    project = stack.project

    def kill(service):
        return lambda: stack.kill(project.containers(service)[0])

    yield "edge 1 -> 3", lambda: stack.scale(edge=3)
    yield "as many clients again", lambda: stack.more_clients(clients)
    yield "kill an edge of 3", kill("edge")
    yield "edge 3 -> 2", lambda: stack.scale(edge=2)
    yield "webhook-worker 1 -> 3", lambda: stack.scale(webhook_worker=3)
    yield "kill a worker", kill("webhook-worker")
    yield "webhook-worker 3 -> 1", lambda: stack.scale(webhook_worker=1)
    yield "control 1 -> 2", lambda: stack.scale(control=2)
    yield "kill a control", kill("control")
    yield "control 2 -> 1", lambda: stack.scale(control=1)
    yield "router 1 -> 2", lambda: stack.scale(router=2)
    yield "kill a router", kill("router")
    yield "router 2 -> 1", lambda: stack.scale(router=1)
    yield "kill postgres", kill("postgres")
    yield "kill haproxy", kill("haproxy")
    for service in ("postgres", "router", "control", "webhook-worker", "edge", "haproxy"):
        yield f"recreate {service}", lambda service=service: stack.recreate(service)
    for service in ("router", "edge"):
        yield f"docker-roll {service}", lambda service=service: stack.roll(service)


def play(stack, clients=75, rate=2.5, times=1, **load):
    """(problems, figures), once everything was done and the load has come to rest."""
    stack.begin_load(clients=clients, rate=rate, **load)
    problems = []
    try:
        for _ in range(times):
            for name, act in steps(stack, clients):
                stack.step(name, act)
    except AssertionError as error:
        problems.append(str(error))
    stack.check_drops()
    stack.check_restarts()
    more, figures = rounds.rest(stack)
    figures["dropped"] = len(stack.drops())
    figures["refused"] = stack.load.refused()
    return problems + more, figures
