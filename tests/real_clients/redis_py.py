"""Drives redis-py with its defaults against the server at a port: redis_py.py PORT PART.

Parts are those of PARTS below. Prints "ok PART", or "skip PART: why" where this redis-py cannot do it; anything else is a failure.
"""

import sys
import threading

import redis

PORT = int(sys.argv[1])
MAJOR = int(redis.__version__.split(".")[0])


class Skip(Exception):
    """This redis-py has no such thing."""


def connect(**options):
    return redis.Redis(port=PORT, decode_responses=True, **options)


def protocols():
    """Connections of each protocol that this redis-py speaks, the default first."""
    yield connect()
    if MAJOR >= 5:
        yield connect(protocol=2)
        yield connect(protocol=3)


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def basics(client):
    equal(client.ping(), True)
    equal(client.set("k", "v"), True)
    equal(client.get("k"), "v")
    equal(client.get("nokey"), None)
    equal(client.hset("h", mapping={"f": "1", "g": "2"}), 2)
    equal(client.hgetall("h"), {"f": "1", "g": "2"})
    equal(client.zadd("z", {"a": 1.5, "b": 2}), 2)
    equal([(pair[0], pair[1]) for pair in client.zrange("z", 0, -1, withscores=True)], [("a", 1.5), ("b", 2.0)])
    equal(client.sadd("s", "x", "y"), 2)
    equal(set(client.smembers("s")), {"x", "y"})
    equal(sorted(client.scan_iter()), ["h", "k", "s", "z"])
    equal(client.client_setname("me"), True)
    equal(client.client_getname(), "me")
    assert client.info()["redis_version"]
    assert client.client_id() > 0
    try:
        client.execute_command("NOSUCH", "x")
        raise AssertionError("an unknown command is an error")
    except redis.ResponseError as error:
        assert "unknown command" in str(error), error


def setinfo():
    if MAJOR < 5:
        raise Skip("CLIENT SETINFO came with redis-py 5")
    client = connect()
    client.ping()
    mine = [row for row in client.client_list() if row["id"] == str(client.client_id())]
    # Redis 7.0 does not know them; clients live with that.
    if mine and "lib-name" in mine[0]:
        assert mine[0]["lib-name"].startswith("redis-py"), mine


def pipelines():
    for client in protocols():
        client.flushall()
        pipe = client.pipeline(transaction=False)
        for number in range(1000):
            pipe.set(f"k{number}", number)
            pipe.incr("n")
        replies = pipe.execute()
        equal(replies[::2], [True] * 1000)
        equal(replies[1::2], list(range(1, 1001)))
        equal(client.mget([f"k{number}" for number in range(1000)]), [str(number) for number in range(1000)])


def transactions():
    for client in protocols():
        client.flushall()
        pipe = client.pipeline()
        pipe.set("a", 1).incr("b").mget("a", "b").lpush("l", "x", "y")
        equal(pipe.execute(), [True, 1, ["1", "1"], 2])
        # An error inside does not stop the others.
        pipe = client.pipeline().set("a", "text").incr("a").get("a")
        replies = pipe.execute(raise_on_error=False)
        equal((replies[0], replies[2]), (True, "text"))
        assert isinstance(replies[1], redis.ResponseError), replies
        # Somebody changes a watched key.
        other = connect()
        with client.pipeline() as pipe:
            pipe.watch("w")
            other.set("w", 1)
            pipe.multi()
            pipe.set("w", 2)
            try:
                pipe.execute()
                raise AssertionError("a change of a watched key must be seen")
            except redis.WatchError:
                pass
        equal(client.get("w"), "1")
        # Optimistic locking by several threads.
        client.set("counter", 0)

        def add():
            mine = connect()
            for _ in range(25):
                mine.transaction(lambda pipe: (int(pipe.get("counter")), pipe.multi())[0], "counter")

                def step(pipe):
                    value = int(pipe.get("counter"))
                    pipe.multi()
                    pipe.set("counter", value + 1)

                mine.transaction(step, "counter")

        threads = [threading.Thread(target=add) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        equal(client.get("counter"), "100")


def pubsub():
    for client in protocols():
        listener = client.pubsub()
        listener.subscribe("news", "other")
        listener.psubscribe("n*")
        kinds = [listener.get_message(timeout=10)["type"] for _ in range(3)]
        equal(kinds, ["subscribe", "subscribe", "psubscribe"])
        equal(connect().publish("news", "hello"), 2)
        got = [listener.get_message(timeout=10) for _ in range(2)]
        equal([(m["type"], m["channel"], m["data"]) for m in got], [("message", "news", "hello"), ("pmessage", "news", "hello")])
        # In RESP3 this is a plain PONG, which redis-py gives on in pieces.
        listener.ping()
        assert listener.get_message(timeout=10)
        equal(client.pubsub_numsub("news"), [("news", 1)])
        listener.unsubscribe()
        listener.punsubscribe()
        equal(sorted(listener.get_message(timeout=10)["type"] for _ in range(3)), ["punsubscribe", "unsubscribe", "unsubscribe"])
        # A thread that listens, while others publish.
        seen = []
        listener = client.pubsub(ignore_subscribe_messages=True)
        done = threading.Event()

        def handle(message):
            seen.append(message["data"])
            if len(seen) == 200:
                done.set()

        listener.subscribe(**{"many": handle})
        thread = listener.run_in_thread(sleep_time=0.01)
        publisher = connect()
        while publisher.pubsub_numsub("many")[0][1] == 0:
            pass
        for number in range(200):
            publisher.publish("many", number)
        assert done.wait(20), f"{len(seen)} of 200 messages came"
        thread.stop()
        thread.join()
        equal(seen, [str(number) for number in range(200)])
    if MAJOR >= 5:
        listener = connect().pubsub()
        listener.ssubscribe("shard")
        equal(listener.get_message(timeout=10)["type"], "ssubscribe")
        equal(connect().execute_command("SPUBLISH", "shard", "m"), 1)
        equal(listener.get_message(timeout=10)["data"], "m")


def blocking():
    for client in protocols():
        client.flushall()
        equal(client.blpop("nolist", timeout=0.05) if MAJOR >= 4 else None, None)
        results = []

        def wait():
            mine = connect()
            for _ in range(10):
                results.append(tuple(mine.blpop(["l1", "l2", "l3"], timeout=10)))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        [thread.start() for thread in threads]
        for number in range(30):
            client.rpush(f"l{number % 3 + 1}", number)
        [thread.join() for thread in threads]
        equal(sorted(int(value) for _, value in results), list(range(30)))
        client.rpush("src", "a")
        equal(client.blmove("src", "dst", 1), "a")
        client.zadd("z", {"m": 1})
        got = client.bzpopmin("z", timeout=1)
        equal((got[0], got[1], float(got[2])), ("z", "m", 1.0))
        client.xadd("st", {"f": "v"}, id="1-1")
        assert client.xread({"st": "0"}, block=100)
        equal(list(client.xread({"st": "$"}, block=20) or []), [])


def scripts():
    for client in protocols():
        client.flushall()
        equal(client.eval("return {KEYS[1], ARGV[1], 1, redis.call('SET', KEYS[1], ARGV[1])}", 1, "k", "v"), ["k", "v", 1, "OK"])
        multiply = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1]) * 2")
        client.script_flush()
        equal(multiply(keys=["n"], args=[5]), 10)
        equal(multiply(keys=["n"], args=[5]), 20)
        pipe = client.pipeline()
        multiply(keys=["n"], args=[1], client=pipe)
        equal(pipe.execute(), [22])
        equal(client.script_exists(multiply.sha), [True])
        try:
            client.eval("return redis.call('INCR', KEYS[1])", 1, "k")
            raise AssertionError("an error of a script is an error")
        except redis.ResponseError as error:
            assert "not an integer" in str(error), error
        client.function_flush()
        client.function_load("#!lua name=lib\nredis.register_function('add', function(k, a) return redis.call('INCRBY', k[1], a[1]) end)")
        equal(int(client.fcall("add", 1, "n", 4)), 15)
        client.function_flush()
        lock = client.lock("lock", timeout=10)
        assert lock.acquire(blocking=False) and not client.lock("lock", timeout=10).acquire(blocking=False)
        lock.release()


def caching():
    if MAJOR < 6:
        raise Skip("client-side caching came with redis-py 5.1 and is as now since 6")
    from redis.cache import CacheConfig

    # redis-py refuses servers that say they are older, whatever they can do.
    redis.connection.CacheProxyConnection.MIN_ALLOWED_VERSION = "7.0.0"
    client = connect(protocol=3, cache_config=CacheConfig())
    other = connect()
    other.flushall()
    other.set("k", "1")
    equal(client.get("k"), "1")
    equal(client.get("k"), "1")
    cache = client.get_cache()
    equal(cache.size, 1)
    other.set("k", "2")
    # The invalidation comes by itself: what is read in the end is the new value.
    for _ in range(100000):
        if client.get("k") == "2":
            break
    equal(client.get("k"), "2")
    other.flushall()
    for _ in range(100000):
        if client.get("k") is None:
            break
    equal(client.get("k"), None)


PARTS = {
    "basics": lambda: [(client.flushall(), basics(client)) for client in protocols()],
    "setinfo": setinfo,
    "pipelines": pipelines,
    "transactions": transactions,
    "pubsub": pubsub,
    "blocking": blocking,
    "scripts": scripts,
    "caching": caching,
}

try:
    PARTS[sys.argv[2]]()
    print(f"ok {sys.argv[2]}")
except Skip as why:
    print(f"skip {sys.argv[2]}: {why} (this is {redis.__version__})")
