"""What is compared: ways to run the jobs of the same Odoo."""

from dataclasses import dataclass

from harness.environment import Environment
from harness.templates import Templates

OURS, REGULAR, PEER = "ours", "regular", "peer"
TITLES = {OURS: "this addon", PEER: "peer", REGULAR: "regular"}


@dataclass
class System:
    name: str
    env: Environment
    template: str

    @property
    def regular(self):
        """Whether its jobs run in HTTP workers, by the regular runner of queue_job."""
        return self.name == REGULAR

    def options(self, parallel):
        """Odoo's options for so many jobs in parallel.

        All have the same HTTP workers, enough for the regular runner's jobs.
        """
        options = ["--load=base,rpc,web", f"--workers={parallel + 2}"]
        if self.regular:
            options[0] += ",queue_job"
        else:
            options.append(f"--max-cron-threads={parallel}")
        return options

    def variables(self, parallel=0):
        """The environment of its processes."""
        variables = {
            name: value
            for name, value in self.env.variables.items()
            if not name.startswith("ODOO_QUEUE_JOB_")
        }
        if self.regular and parallel:
            variables["ODOO_QUEUE_JOB_CHANNELS"] = f"root:{parallel}"
        return variables


def make_systems(env, peer=None):
    """Return the systems, their templates made if need be.

    :param peer: the folder of another addon of our name
    """
    addon = Templates(env).addon()  # on top of the other one
    systems = [
        System(REGULAR, env, Templates(env).base()),
        System(OURS, env, addon),
    ]
    if peer:
        with_peer = env.with_peer(peer.parent)
        systems.append(System(PEER, with_peer, Templates(with_peer).addon()))
    return systems
