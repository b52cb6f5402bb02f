"""The process that owns one attempt's agent and outlives the worker that started it.

`python -m bot.adapters.supervisor DIRECTORY` is the process (standard library only, so that it starts in
milliseconds); `bot.adapters.supervisor.supervisors` is the worker's side. They speak through the files named
in `bot.adapters.supervisor.files`, and through nothing else.
"""
