"""An object that lives in a process of its own, on an asyncio loop: `Remote(make, …)` calls
`make(…)` there, and each method called here runs there (coroutines beside each other)."""

import asyncio
import gc
import inspect
import multiprocessing
import signal
import traceback

_ends = []  # this side's ends of all pipes: a child that kept one would never see it closed


class RemoteError(AssertionError):
    """A method raised; the text is the traceback there."""


def _serve(pipe, make, arguments):
    for end in _ends:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # nothing here is cyclic for long, and pauses would be taken for the broker's

    async def main():
        loop = asyncio.get_running_loop()
        thing = make(*arguments)
        finished = loop.create_future()

        async def run(number, name, positional, named):
            try:
                result = getattr(thing, name)(*positional, **named)
                if inspect.isawaitable(result):
                    result = await result
                pipe.send((number, True, result))
            except Exception:  # pylint: disable=broad-except
                pipe.send((number, False, traceback.format_exc()))

        tasks = set()

        def readable():
            try:
                request = pipe.recv()
            except EOFError:
                loop.remove_reader(pipe.fileno())
                finished.set_result(None)
                return
            task = loop.create_task(run(*request))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        loop.add_reader(pipe.fileno(), readable)
        await finished

    asyncio.run(main())


class Remote:
    """Calls wait for their answer."""

    def __init__(self, make, *arguments):
        context = multiprocessing.get_context("fork")
        self._pipe, other = context.Pipe()
        _ends.append(self._pipe)
        self._process = context.Process(target=_serve, args=(other, make, arguments), daemon=True)
        self._process.start()
        other.close()
        self._number = 0

    def __getattr__(self, name):
        def call(*positional, **named):
            self._number += 1
            self._pipe.send((self._number, name, positional, named))
            if not self._pipe.poll(120):
                raise RemoteError(f"no answer to {name}{positional} for two minutes")
            _, good, result = self._pipe.recv()
            if not good:
                raise RemoteError(result)
            return result

        return call

    def end(self):
        _ends.remove(self._pipe)
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
