from . import test_acquire
from . import test_dependents
from . import test_environment
from . import test_kill
from . import test_process
from . import test_runner
from . import test_server
from . import test_triggers
