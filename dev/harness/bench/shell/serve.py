"""A process of users: calls functions as the benchmark asks for it.

It is fed to `odoo shell`, with the files of these functions, and with a call of `serve`
behind it.
"""

import json
import socket


def serve(env, descriptor):
    """Call what is asked for, until the other end of the socket is closed.

    A request is a line of JSON: the name of a function, and its named arguments beside
    the environment. The answer is a line too: what the function has returned.
    """
    with socket.socket(fileno=descriptor).makefile("rw") as stream:
        for line in stream:
            name, arguments = json.loads(line)
            answer = globals()[name](env, **arguments)
            env.cr.rollback()
            stream.write(json.dumps(answer) + "\n")
            stream.flush()
