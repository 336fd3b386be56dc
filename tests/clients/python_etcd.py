"""What python-etcd does all day, against the members whose URLs are given.

Owns: its checks, one line of output each, and the status: 0 when all hold. Uses the library as it is installed.

    python_etcd.py [--ca FILE] [--auth] URL...
"""
import argparse
import sys
import threading
import time
import traceback
from urllib.parse import urlparse

import etcd
from etcd.auth import Auth, EtcdRole, EtcdUser

WAIT_S = 20


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument('--ca')
    parser.add_argument('--auth', action='store_true')
    parser.add_argument('urls', nargs='+')
    return parser.parse_args()


OPTIONS = parse()
HOSTS = tuple((urlparse(url).hostname, urlparse(url).port) for url in OPTIONS.urls)
ROOT = {'username': 'root', 'password': 'rootpw'} if OPTIONS.auth else {}


def connect(**options):
    """A client of the cluster, as root where auth is on."""
    settings = {'allow_reconnect': True, 'read_timeout': WAIT_S, **ROOT, **options}
    if OPTIONS.ca:
        settings.update(protocol='https', ca_cert=OPTIONS.ca)
    return etcd.Client(host=HOSTS, **settings)


def connect_to(url):
    """A client of one member, which does not go to another."""
    scheme = {'protocol': 'https', 'ca_cert': OPTIONS.ca} if OPTIONS.ca else {}
    return etcd.Client(host=urlparse(url).hostname, port=urlparse(url).port, **scheme, **ROOT)


def raises(error, call, *args, **options):
    try:
        call(*args, **options)
    except error as raised:
        assert type(raised) is error, f'{type(raised).__name__} instead of {error.__name__}'
        return raised
    raise AssertionError(f'{error.__name__} was not raised')


def eventually(what, look):
    until = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < until, f'waited for {what}'
        time.sleep(0.02)


def in_thread(work):
    """Runs work beside; the returned function waits for its result, or raises what it raised."""
    box = {}

    def run():
        try:
            box['result'] = work()
        except BaseException as error:
            box['error'] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result():
        thread.join(WAIT_S)
        assert not thread.is_alive(), 'the thread did not end'
        if 'error' in box:
            raise box['error']
        return box['result']

    return result


def check_keys(client):
    raises(etcd.EtcdKeyNotFound, client.read, '/py/none')
    made = client.write('/py/a', 'x')
    assert (made.action, made.newKey, made.value, made.key) == ('set', True, 'x', '/py/a')
    again = client.set('/py/a', 'y')
    assert not again.newKey and again._prev_node.value == 'x'
    got = client.get('/py/a')
    assert got.value == 'y' and got.modifiedIndex == again.modifiedIndex and got.etcd_index >= got.modifiedIndex
    assert '/py/a' in client and '/py/none' not in client
    got.value = 'é ü &=+%'
    assert client.update(got).value == 'é ü &=+%'
    raises(etcd.EtcdCompareFailed, client.update, got)
    assert client.test_and_set('/py/a', 'z', 'é ü &=+%').action == 'compareAndSwap'
    raises(etcd.EtcdCompareFailed, client.test_and_set, '/py/a', 'q', 'not this')
    raises(etcd.EtcdAlreadyExist, client.write, '/py/a', 'x', prevExist=False)
    raises(etcd.EtcdKeyNotFound, client.write, '/py/none', 'x', prevExist=True)
    raises(etcd.EtcdNotDir, client.write, '/py/a/below', 'x')
    raises(etcd.EtcdCompareFailed, client.delete, '/py/a', prevValue='not this')
    assert client.delete('/py/a', prevValue='z').action == 'compareAndDelete'
    client.write('/py/p', 'popped')
    assert client.pop('/py/p').value == 'popped'
    raises(etcd.EtcdKeyNotFound, client.pop, '/py/p')
    assert client.read('/py', quorum=True).dir


def check_directories(client):
    client.write('/dirs', None, dir=True)
    raises(etcd.EtcdNotFile, client.write, '/dirs', None, dir=True)
    raises(etcd.EtcdAlreadyExist, client.write, '/dirs', None, dir=True, prevExist=False)
    raises(etcd.EtcdNotFile, client.set, '/dirs', 'x')
    first = client.write('/dirs/queue', 'one', append=True)
    second = client.write('/dirs/queue', 'two', append=True)
    assert first.action == 'create' and first.key < second.key
    for name in ('b', 'a', 'c/d', '_hidden'):
        client.write(f'/dirs/{name}', name)
    tree = client.read('/dirs', recursive=True, sorted=True)
    keys = [leaf.key for leaf in tree.leaves]
    assert keys == ['/dirs/a', '/dirs/b', '/dirs/c/d', first.key, second.key], keys
    assert {child.key for child in client.read('/dirs').children} == {'/dirs/a', '/dirs/b', '/dirs/c', '/dirs/queue'}
    raises(etcd.EtcdNotFile, client.delete, '/dirs')
    raises(etcd.EtcdDirNotEmpty, client.delete, '/dirs', dir=True)
    raises(etcd.EtcdRootReadOnly, client.delete, '/', recursive=True)
    assert client.delete('/dirs', recursive=True).action == 'delete'
    raises(etcd.EtcdKeyNotFound, client.read, '/dirs')


def check_ttl(client):
    assert client.write('/ttl/long', 'x', ttl=100).ttl == 100
    assert client.refresh('/ttl/long', 200).ttl == 200
    assert client.read('/ttl/long').value == 'x'
    client.write('/ttl/dir', None, dir=True, ttl=30)
    assert client.write('/ttl/dir', None, dir=True, ttl=31, prevExist=True).ttl == 31
    client.write('/ttl/short', 'x', ttl=1)
    eventually('expiry', lambda: '/ttl/short' not in client)
    event = client.watch('/ttl/short', index=client.read('/ttl/long').createdIndex)
    event = client.watch('/ttl/short', index=event.modifiedIndex + 1)
    assert (event.action, event.value, event._prev_node.value) == ('expire', None, 'x')


def check_watch(client):
    start = client.write('/watch/a', '0').modifiedIndex
    for number in range(1, 4):
        client.write('/watch/a', number)
    assert [client.watch('/watch/a', index=start + n).value for n in range(4)] == ['0', '1', '2', '3']
    later = in_thread(lambda: connect().watch('/watch/a', index=start + 4, timeout=WAIT_S).value)
    below = in_thread(lambda: connect().watch('/watch', index=start + 4, recursive=True).key)
    client.write('/watch/b', 'x')
    client.write('/watch/a', '4')
    assert later() == '4' and below() == '/watch/b'
    raises(etcd.EtcdWatchTimedOut, connect_to(OPTIONS.urls[0]).watch, '/watch/never', timeout=0.2)


def check_eternal_watch(client):
    start = client.write('/eternal/n', 'start').modifiedIndex
    count = 200

    def follow():
        events = connect().eternal_watch('/eternal', index=start + 1, recursive=True)
        return [next(events).value for _ in range(count)]

    seen = in_thread(follow)
    for number in range(count):
        client.write(f'/eternal/{number % 7}', number)
    assert seen() == [str(number) for number in range(count)]


def check_lock(client):
    first = etcd.Lock(client, 'job')
    assert first.acquire(blocking=True, lock_ttl=60) and first.is_acquired
    second = etcd.Lock(connect(), 'job')
    assert second.acquire(blocking=False) is False
    waiting = in_thread(lambda: second.acquire(blocking=True, lock_ttl=60))
    first.release()
    assert waiting() and second.is_acquired and not first.is_acquired
    second.release()
    with etcd.Lock(client, 'job') as held:
        assert held.is_acquired
    short = etcd.Lock(client, 'job')
    assert short.acquire(lock_ttl=1)
    assert etcd.Lock(connect(), 'job').acquire(blocking=True, lock_ttl=60)
    # Its member may hear of it a moment after the other one.
    eventually('the lock to be lost', lambda: not short.is_acquired)


def check_election(client):
    """The library's own election went with etcd 2.0; what it says to use is the lock."""
    raises(NotImplementedError, lambda: client.election)
    leading = []
    most = []

    def stand():
        lock = etcd.Lock(connect(), 'leader')
        assert lock.acquire(blocking=True, lock_ttl=60)
        leading.append(lock.uuid)
        most.append(len(leading))
        leading.remove(lock.uuid)
        lock.release()

    for elected in [in_thread(stand) for _ in range(5)]:
        elected()
    assert most == [1] * 5, most


def check_cluster(client):
    scheme = 'https' if OPTIONS.ca else 'http'
    urls = {f'{scheme}://{host}:{port}' for host, port in HOSTS}
    assert set(client.machines) <= urls
    members = client.members
    assert {url for member in members.values() for url in member['clientURLs']} == urls
    assert client.leader['id'] in members
    assert client.stats['state'] in ('StateLeader', 'StateFollower')
    assert client.store_stats['setsSuccess'] > 0
    assert client.version == '2.3.8' and client.cluster_version == '2.3.0'
    direct = connect_to(client.leader['clientURLs'][0])
    assert direct.leader_stats['leader'] == client.leader['id']


def check_reconnect(_client):
    """A list whose first member is not there."""
    scheme = 'https' if OPTIONS.ca else 'http'
    more = {'ca_cert': OPTIONS.ca} if OPTIONS.ca else {}
    client = etcd.Client(host=(('127.0.0.1', 1), *HOSTS), allow_reconnect=True, protocol=scheme, **ROOT, **more)
    assert client.write('/reconnect', 'x').value == 'x'


def check_auth(client):
    role = EtcdRole(client, 'reader')
    role.grant('/open/*', 'R')
    role.grant('/mine', 'RW')
    role.write()
    read = EtcdRole(client, 'reader')
    read.read()
    assert read.acls == {'/open/*': 'R', '/mine': 'RW'}, read.acls
    user = EtcdUser(client, 'ann')
    user.password = 'annpw'
    user.roles = ['reader']
    user.write()
    client.write('/open/a', 'x')
    ann = connect(username='ann', password='annpw')
    assert ann.read('/open/a').value == 'x' and ann.write('/mine', 'y').value == 'y'
    raises(etcd.EtcdInsufficientPermissions, ann.write, '/open/a', 'y')
    raises(etcd.EtcdInsufficientPermissions, connect(username='ann', password='no').read, '/open/a')
    raises(etcd.EtcdInsufficientPermissions, connect(username=None, password=None).write, '/open/a', 'y')
    # It takes roles for names, which they were before 2.3: a user with roles cannot be read, so nor changed.
    raises(TypeError, EtcdUser(client, 'ann').read)
    ben = EtcdUser(client, 'ben')
    ben.password = 'benpw'
    ben.write()
    ben.password = 'other'
    ben.write()
    raises(etcd.EtcdInsufficientPermissions, connect(username='ben', password='other').read, '/open/a')
    EtcdUser(client, 'ben').delete()
    read.revoke('/mine', 'RW')
    read.write()
    raises(etcd.EtcdInsufficientPermissions, ann.read, '/mine')
    user.delete()
    raises(etcd.EtcdKeyNotFound, EtcdUser(client, 'ann').read)
    read.delete()
    raises(etcd.EtcdKeyNotFound, EtcdRole(client, 'reader').read)


CHECKS = [
    check_keys,
    check_directories,
    check_ttl,
    check_watch,
    check_eternal_watch,
    check_lock,
    check_election,
    check_cluster,
    check_reconnect,
]


def main():
    if OPTIONS.auth:
        stranger = connect(username=None, password=None)
        root = EtcdUser(stranger, 'root')
        root.password = ROOT['password']
        root.write()
        Auth(connect()).active = True
        guest = EtcdRole(connect(), 'guest')
        guest.read()
        guest.revoke('/*', 'RW')
        guest.write()
    client = connect()
    failed = 0
    for check in CHECKS + ([check_auth] if OPTIONS.auth else []):
        name = check.__name__.removeprefix('check_')
        try:
            check(client)
            print(f'ok {name}', flush=True)
        except Exception:
            failed += 1
            print(f'FAIL {name}\n{traceback.format_exc()}', flush=True)
    if OPTIONS.auth:
        Auth(client).active = False
    return 1 if failed else 0


sys.exit(main())
