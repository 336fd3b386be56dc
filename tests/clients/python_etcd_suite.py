"""The integration tests that python-etcd comes with, against the `etcd` on PATH: that is musterd here.

Owns: what they need and a machine of today lacks, and which are run. They use fixed ports, so they want a network of their own.
Left out are those over TLS, whose certificates are signed with SHA-1, and those of users, which a newer API than theirs breaks. The status is 0 when all that are run hold.
"""
import sys
import time
import types
import unittest
import urllib.request

if not hasattr(unittest.TestCase, 'assertEquals'):
    unittest.TestCase.assertEquals = unittest.TestCase.assertEqual
# All that they take of nose: a mark for what is no test.
nose = types.ModuleType('nose')
nose.tools = types.ModuleType('nose.tools')
nose.tools.nottest = lambda _function: None
sys.modules.update({'nose': nose, 'nose.tools': nose.tools})

from etcd.tests.integration import helpers, test_simple  # noqa: E402

START_S = 30
SETTLE_S = 2
# Each of TestClusterFunctions starts three members; one of them is enough to see a client reconnect.
WANTED = ['TestSimple', 'TestErrors', 'TestWatch', 'TestClusterFunctions.test_reconnect']

# They wait two seconds for every process, whatever it does. Here the end of the wait is what they wait for.
helpers.time = types.SimpleNamespace(sleep=lambda _seconds: time.sleep(0.1))
run = helpers.EtcdProcessHelper.run
kill_one = helpers.EtcdProcessHelper.kill_one


def run_until_served(self, number=1, proc_args=None):
    run(self, number, list(proc_args or []))
    until = time.monotonic() + START_S
    # A client learns of the members when it is made: by then all have to be known to all.
    for slot in range(number):
        while machines_of(self.port_range_start + slot) < number:
            assert time.monotonic() < until, 'the members do not serve'
            time.sleep(0.05)


def machines_of(port):
    """How many members the one at the port knows clients to be served by."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/v2/machines', timeout=START_S) as answer:
            return len(answer.read().split(b', '))
    except OSError:
        return 0


def stop_all(self):
    for slot in list(self.processes):
        kill_one(self, slot)


def kill_one_and_wait(self, slot):
    """A test goes on with the others: as its author has it, once they had time to elect a leader."""
    kill_one(self, slot)
    time.sleep(SETTLE_S)


helpers.EtcdProcessHelper.run = run_until_served
helpers.EtcdProcessHelper.stop = stop_all
helpers.EtcdProcessHelper.kill_one = kill_one_and_wait

if __name__ == '__main__':
    unittest.main(module=test_simple, argv=['integration', *WANTED], verbosity=2)
