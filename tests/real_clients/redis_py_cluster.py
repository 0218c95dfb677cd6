"""Works on a cluster with redis-py's RedisCluster and its defaults while slots move: redis_py_cluster.py PORT CHANNEL TAG...

Prints "working" once every kind of work was done on every tag, and "shard N" for each message N of the shard channel. Works until its
input ends with "heard N": then it waits for the last of N messages of the channel `news`, and prints what was acknowledged:

    count KEY TIMES     this counter was incremented so often
    doubt KEY TIMES     so often it may have been incremented: an error came back
    value KEY VALUE     the last value written
    error TEXT          what clients of a cluster that only moves slots do not see
"""

import sys
import threading
import time
from collections import Counter

import redis
from redis.cluster import RedisCluster

PORT, CHANNEL, TAGS = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
WAIT = 20
ADD = "local a = redis.call('INCR', KEYS[1]) local b = redis.call('INCR', KEYS[2]) return {a, b}"

stop = threading.Event()
lock = threading.Lock()
counts, doubts, values, errors = Counter(), Counter(), {}, []


def say(line):
    with lock:
        print(line, flush=True)


def tried(keys, work):
    """Does what increments these keys."""
    try:
        result = work()
    except redis.RedisError as error:
        errors.append(f"{type(error).__name__}: {error}")
        with lock:
            doubts.update(keys)
        return None
    with lock:
        counts.update(keys)
    return result


def equal(got, wanted):
    if got != wanted:
        errors.append(f"got {got!r}, wanted {wanted!r}")


def singles(client, number):
    for tag in TAGS:
        tried([f"{{{tag}}}:n"], lambda: client.incr(f"{{{tag}}}:n"))
        key = f"{{{tag}}}:py"
        client.set(key, number)
        equal(client.get(key), str(number))
        values[key] = number


def groups(client, number):
    add = client.register_script(ADD)
    for tag in TAGS:
        keys = [f"{{{tag}}}:py:a", f"{{{tag}}}:py:b"]
        client.mset({key: number for key in keys})
        equal(client.mget(keys), [str(number)] * 2)
        values.update((key, number) for key in keys)
        pair = [f"{{{tag}}}:e", f"{{{tag}}}:f"]
        tried(pair, lambda: client.eval(ADD, 2, *pair))
        tried(pair, lambda: add(keys=pair))


def pipelines(client, number):
    keys = [f"{{{tag}}}:n" for tag in TAGS]

    def work():
        pipe = client.pipeline()
        for key in keys:
            pipe.incr(key)
            pipe.set(f"{key}:py", number)
        return pipe.execute()

    replies = tried(keys, work)
    if replies is not None:
        equal(replies[1::2], [True] * len(keys))
        values.update((f"{key}:py", number) for key in keys)


def until_stop(client, work, ready):
    number = 0
    while not stop.is_set():
        try:
            work(client, number)
        except redis.RedisError as error:
            errors.append(f"{work.__name__}: {type(error).__name__}: {error}")
        number += 1
        ready.set()


def listen(client, ready):
    listener = client.pubsub()
    listener.subscribe("news")
    while not stop.is_set() or (wanted - 1 not in heard and time.monotonic() < deadline):
        message = listener.get_message(timeout=0.1)
        if message is not None and message["type"] == "message":
            heard.append(int(message["data"]))
        elif message is not None:
            began.append(len(heard))
            ready.set()


def missed():
    """Messages that a subscriber did not hear although it listened. redis-py connects and subscribes anew when it learns that slots moved:
    what is published between does not reach it."""
    heard_or_away = set(heard)
    for index in began:
        before = heard[index - 1] if index > 0 else -1
        after = heard[index] if index < len(heard) else wanted
        heard_or_away.update(range(before + 1, after))
    return sorted(set(range(wanted)) - heard_or_away)


def listen_sharded(client, ready):
    listener = client.pubsub()
    listener.ssubscribe(CHANNEL)
    while not stop.is_set():
        try:
            message = listener.get_sharded_message(timeout=0.01)
        except redis.exceptions.MovedError:
            # It followed the channel with a map of slots that is behind, and does not try again by itself.
            listener.ssubscribe(CHANNEL)
            continue
        if message is not None and message["type"] == "smessage":
            say(f"shard {message['data']}")
        elif message is not None:
            ready.set()


def start(body, *arguments):
    """Starts a thread, and waits until it has begun."""
    ready = threading.Event()
    thread = threading.Thread(target=body, args=(client, *arguments, ready))
    thread.start()
    assert ready.wait(WAIT), f"{body.__name__} {arguments} does not begin"
    return thread


client = RedisCluster(host="127.0.0.1", port=PORT, decode_responses=True)
heard, began, wanted, deadline = [], [], 0, 0
threads = [start(until_stop, work) for work in (singles, groups, pipelines)] + [start(listen), start(listen_sharded)]
say("working")
line = sys.stdin.read().split()
wanted, deadline = int(line[1]), time.monotonic() + WAIT
stop.set()
for thread in threads:
    thread.join()
equal(missed(), [])
equal(len(heard), len(set(heard)))
equal(len(heard) > wanted / 2, True)
for name, table in (("count", counts), ("doubt", doubts), ("value", values)):
    for key, value in table.items():
        print(name, key, value)
for error in errors:
    print("error", error)
