//! The lines of the comparison: every command that redis-server 7.0 records otherwise than it was sent, and of every family some that it does not.

/// A line, and what we record where that is on purpose something else.
type Row = (&'static str, Option<&'static str>);

/// With the settings that are the default.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // Strings.
    ("SET k v", None), ("set k v EX 100", None), ("SET k v px 100000 NX", None), ("SET k v PX 100000 XX GET", None), ("SET k v GET", None),
    ("SET k v exat 4000000000 get", None), ("set k v pxat 4000000000000", None), ("SET k v KEEPTTL get", None), ("SET none v XX", None),
    ("SETNX k v", None), ("SETNX k2 v", None), ("SETEX k 100 v", None), ("PSETEX k 100000 v", None), ("GETSET k w", None), ("GETSET new w", None),
    ("GETEX k", None), ("GETEX k EX 100", None), ("GETEX k PX 100000", None), ("GETEX k EXAT 4000000000", None), ("GETEX k PERSIST", None),
    ("GETEX k PERSIST", None), ("GETEX k PXAT 5", None), ("GETEX none EX 100", None), ("GETDEL k2", None), ("GETDEL k2", None), ("GET new", None),
    ("APPEND k v", None), ("SETRANGE k 1 w", None), ("SETRANGE none 0 x", None), ("MSET a 1 b 2", None), ("MSETNX a 1 c 2", None),
    ("MSETNX c 1 d 2", None), ("INCR a", None), ("DECRBY a 4", None), ("INCRBYFLOAT a 1.5", None), ("INCRBYFLOAT fl -0.1", None),
    ("EXPIRE fl 100", None), ("INCRBYFLOAT fl 3e2", None), ("INCRBYFLOAT fl x", None), ("LCS a b", None), ("STRLEN a", None),
    // Deadlines.
    ("EXPIRE b 100", None), ("EXPIRE b 50 GT", None), ("expire b 200 gt", None), ("PEXPIRE b 100000 lt XX", None), ("EXPIREAT b 4000000000", None),
    ("pexpireat b 4000000000001 XX", None), ("PERSIST b", None), ("PERSIST b", None), ("EXPIRE b 0", None), ("EXPIRE b 0", None),
    ("PEXPIREAT a 5", None), ("EXPIRE none 100", None), ("EXPIRE c 100 NX", None), ("EXPIRE c -100", None),
    // Expired by a look-up: before the command, in one unit with it; alone, if the command only reads.
    ("SET e v PX 10", None), ("@later 20", None), ("GET e", None), ("SET e v PX 10", None), ("@later 20", None), ("SET e w", None),
    ("SET e v PX 10", None), ("@later 20", None), ("INCR e", None), ("SET e v PX 10", None), ("@later 20", None), ("SETNX e v", None),
    ("SET e v PX 10", None), ("@later 20", None), ("EXISTS e none", None), ("SET e v PX 10", None), ("@later 20", None), ("HSET e f v", None),
    ("SET e v PX 10", None), ("@later 20", None), ("PERSIST e", None), ("SET e v PX 10", None), ("@later 20", None), ("DEL e", None),
    ("SET e v PX 10", None), ("SET g v PX 10", None), ("@later 20", None), ("MGET e g", None),
    // In a transaction and in a script.
    ("SET e v PX 10", None), ("@later 20", None), ("MULTI", None), ("INCR n", None), ("GET e", None), ("SET e w EX 100", None), ("EXEC", None),
    ("SET e v PX 10", None), ("@later 20", None), ("EVAL redis.call('incr','n')~redis.call('get','e')~redis.call('expire','n',100) 0", None),
    ("SET e v PX 10", None), ("@later 20", None), ("EVAL return~redis.call('get','e') 0", None),
    ("SET e v PX 10", None), ("@later 20", None), ("EVAL_RO return~redis.call('get',KEYS[1]) 1 e", None),
    ("MULTI", None), ("GET n", None), ("EXEC", None), ("MULTI", None), ("INCR n", None), ("EXEC", None), ("MULTI", None), ("INCR n", None),
    ("SELECT 3", None), ("SET db3 v", None), ("SELECT 0", None), ("SPOP none", None), ("EXEC", None), ("MULTI", None), ("INCR n", None), ("DISCARD", None),
    ("EVAL return~redis.call('set',KEYS[1],'v','EX','100') 1 k", None), ("EVAL redis.call('select','2')~redis.call('set','k','v') 0", None),
    ("FUNCTION LOAD #!lua~name=lib\nredis.register_function('f',~function(keys)~return~redis.call('incr',keys[1])~end)", None),
    ("FCALL f 1 n", None), ("FUNCTION DELETE lib", None), ("FUNCTION DELETE lib", None), ("FUNCTION FLUSH", None),
    // Keys.
    ("DEL n none", None), ("DEL none", None), ("UNLINK k k2", None), ("SET a v", None), ("RENAME a b", None), ("RENAMENX b c", None), ("COPY c d", None),
    ("COPY c d DB 1 REPLACE", None), ("COPY c d", None), ("MOVE d 4", None), ("MOVE d 4", None), ("RENAME c c", None), ("TOUCH c", None),
    ("RESTORE r 0 %c", None), ("RESTORE r 100000 %c REPLACE", None), ("restore r 4000000000000 %c REPLACE absttl", None), ("RESTORE r 5 %c REPLACE ABSTTL", None),
    ("RESTORE r 5 %c ABSTTL", None), ("RESTORE r 0 bad", None), ("SWAPDB 0 5", None), ("SWAPDB 0 5", None), ("OBJECT ENCODING c", None),
    ("FLUSHDB", None), ("FLUSHDB async", None), ("FLUSHALL", None), ("SELECT 7", None), ("SET k v", None), ("FLUSHDB", None), ("SELECT 0", None),
    // Bits and sketches.
    ("SETBIT b 5 1", None), ("SETBIT b 5 1", None), ("BITFIELD b SET u8 0 255 GET u4 0", None), ("BITFIELD b GET u8 0", None), ("BITOP NOT d b", None),
    ("BITOP AND d none", None), ("PFADD p a b", None), ("PFADD p a", None), ("PFCOUNT p", None), ("PFCOUNT p", None), ("PFMERGE q p", None),
    // Lists.
    ("RPUSH l a b c d e f g h", None), ("LPUSHX none a", None), ("LPOP l", None), ("RPOP l 2", None), ("RPOP none", None), ("LPOP l 0", None),
    ("LMPOP 2 none l LEFT COUNT 2", None), ("LMPOP 1 none LEFT", None), ("BLPOP none l 0", None), ("brpop l 0", None), ("RPUSH l a b c", None),
    ("BLMPOP 0 1 l RIGHT", None), ("LMOVE l m left RIGHT", None), ("BLMOVE l m LEFT right 0", None), ("RPOPLPUSH m m", None), ("BRPOPLPUSH m l 0", None),
    ("LINSERT l BEFORE a x", None), ("LINSERT m BEFORE zz x", None), ("LSET m 0 y", None), ("LREM m 0 zz", None), ("LTRIM m 0 -1", None),
    ("SORT m ALPHA STORE s", None), ("SORT none STORE s", None), ("SORT none STORE s", None),
    // Clients that waited.
    ("@block BLPOP w 0", None), ("RPUSH w a b", None), ("@block BRPOPLPUSH x y 0", None), ("RPUSH x a", None), ("@block BLMOVE x y LEFT RIGHT 0", None),
    ("RPUSH x a", None), ("@block BLMPOP 0 2 x z LEFT COUNT 2", None), ("RPUSH z a b c", None), ("@block BZPOPMIN zz 0", None), ("ZADD zz 1 a 2 b", None),
    ("@block BZMPOP 0 1 zy MAX COUNT 3", None), ("ZADD zy 1 a 2 b", None), ("@block BLPOP w2 0", None), ("MULTI", None), ("RPUSH w2 a", None),
    ("INCR n", None), ("EXEC", None), ("@block BLPOP w3 0", None), ("EVAL redis.call('rpush','w3','a')~redis.call('incr','n') 0", None),
    ("XGROUP CREATE xw g $ MKSTREAM", None), ("@block XREADGROUP GROUP g c BLOCK 0 STREAMS xw >", None), ("XADD xw 1-1 a b", None),
    // Hashes.
    ("HSET h a 1 b 2", None), ("HMSET h a 1", None), ("HSETNX h a 1", None), ("HSETNX h c 1", None), ("HDEL h c zz", None), ("HDEL h zz", None),
    ("HINCRBY h a 2", None), ("HINCRBYFLOAT h a 0.5", None), ("HINCRBYFLOAT h new 5e1", None),
    // Sets.
    ("SADD s a b c d e f", None), ("SADD s a", None), ("SPOP s", None), ("SPOP s 2", None), ("SPOP s 0", None), ("SPOP s 100", None), ("SPOP s", None),
    ("SPOP s 3", None), ("SADD s a", None), ("SPOP s", None), ("SADD s a b", None), ("SMOVE s t a", None), ("SMOVE s t zz", None), ("SREM s zz", None),
    ("SINTERSTORE u s t", None), ("SUNIONSTORE u s t", None), ("SDIFFSTORE u none none", None), ("SRANDMEMBER t", None),
    // Sorted sets.
    ("ZADD z 1 a 2 b 3 c 4 d 5 e", None), ("ZADD z 1 a", None), ("ZADD z GT INCR 5 a", None), ("ZADD z NX INCR 5 a", None), ("ZINCRBY z 1.5 a", None),
    ("ZPOPMIN z", None), ("ZPOPMAX z 0", None), ("ZMPOP 1 z MIN COUNT 2", None), ("BZPOPMAX z 0", None), ("BZMPOP 0 1 z MAX", None),
    ("ZADD z 1 a 2 b", None), ("ZRANGESTORE y z 0 -1", None), ("ZUNIONSTORE y 2 z none", None), ("ZINTERSTORE y 2 z none", None), ("ZREM z zz", None),
    ("ZREMRANGEBYRANK z 0 0", None), ("ZREMRANGEBYSCORE z 9 10", None),
    // Places.
    ("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", None), ("geoadd g NX ch 13.361389 38.115556 Palermo", None),
    ("geoadd g NX ch 12 38 x", None), ("GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km", None), ("GEORADIUS g 15 37 200 km STORE d", None),
    ("GEORADIUSBYMEMBER g x 200 km STOREDIST d", None), ("GEORADIUS g 15 37 200 km", None),
    // Streams.
    ("XADD st * f v", None), ("@later 3", None), ("XADD st MAXLEN 10 * f v", None), ("@later 3", None), ("XADD st MAXLEN ~ 1 * f v", None), ("@later 3", None),
    ("XADD mi 5-1 f v", None), ("XADD mi MINID ~ 1 * f v", None), ("XADD st 9999999999999-* f v", None), ("XADD st 9999999999999-5 f v", None), ("XADD none NOMKSTREAM * f v", None),
    ("XADD st NOMKSTREAM MAXLEN = 4 9999999999999-* f v", None), ("XTRIM st MAXLEN ~ 1", None), ("XTRIM st MAXLEN 3", None), ("XTRIM st MINID 5", None),
    // LIMIT goes with `~` only, so it goes with it.
    ("XADD tr 1-1 a b", None), ("XADD tr 2-1 a b", None), ("XADD tr 3-1 a b", None), ("XADD tr 4-1 a b", None), ("XADD tr 5-1 a b", None),
    ("XTRIM tr MAXLEN ~ 1 LIMIT 3", Some("0> XTRIM tr MAXLEN = 2")), ("XADD tr MAXLEN ~ 1 LIMIT 9 6-1 a b", Some("0> XADD tr MAXLEN = 3 6-1 a b")),
    ("XDEL tr 4-1 9-9", None), ("XDEL tr 9-9", None), ("XSETID tr 20-1", None), ("XSETID tr 30-1 ENTRIESADDED 99 MAXDELETEDID 4-1", None),
    ("XGROUP CREATE sq g 0 MKSTREAM", None), ("XADD sq 1-1 a b", None), ("XADD sq 2-1 a b", None), ("XADD sq 3-1 a b", None), ("XADD sq 4-1 a b", None),
    ("XREADGROUP GROUP g c COUNT 1 STREAMS sq >", None), ("XREADGROUP GROUP g c COUNT 2 STREAMS sq >", None), ("XREADGROUP GROUP g c STREAMS sq 0", None),
    // A consumer that reads its history is made, as later versions record.
    ("XREADGROUP GROUP g d STREAMS sq 0", Some("0> XGROUP CREATECONSUMER sq g d")),
    ("XREADGROUP GROUP g e NOACK STREAMS sq >", None), ("XREADGROUP GROUP g e NOACK STREAMS sq >", None), ("XADD sq 5-1 a b", None),
    ("XREADGROUP GROUP g e NOACK STREAMS sq >", None), ("XCLAIM sq g f 0 1-1 2-1 9-9", None), ("XCLAIM sq g f 0 5-1 FORCE RETRYCOUNT 7 IDLE 100", None),
    ("XCLAIM sq g f 1000000 1-1", None), ("XCLAIM sq g f 1000000 1-1 LASTID 7-7", None), ("XCLAIM sq g f 0 1-1 JUSTID LASTID 8-8", None), ("XDEL sq 2-1", None),
    ("XCLAIM sq g c 0 2-1", None), ("XDEL sq 3-1", None), ("XAUTOCLAIM sq g h 0 0", None), ("XAUTOCLAIM sq g h 1000000 0", None), ("XACK sq g 1-1 9-9", None),
    ("XACK sq g 9-9", None), ("XGROUP CREATECONSUMER sq g i", None), ("XGROUP CREATECONSUMER sq g i", None), ("XGROUP DELCONSUMER sq g i", None),
    ("XGROUP DELCONSUMER sq g i", None), ("XGROUP SETID sq g 1-1 ENTRIESREAD 1", None), ("XGROUP CREATE sq h $", None), ("XGROUP DESTROY sq h", None),
    ("XGROUP DESTROY sq h", None),
];

/// With `lazyfree-lazy-*`.
#[rustfmt::skip]
pub(super) const LAZY_ROWS: &[Row] = &[
    ("SET a v", None), ("EXPIRE a -1", None), ("SET a v", None), ("PEXPIREAT a 5", None), ("SET a v", None), ("GETEX a PXAT 5", None),
    ("SET a v PX 10", None), ("@later 20", None), ("GET a", None), ("SET a v PX 10", None), ("@later 20", None), ("MULTI", None), ("INCR a", None), ("EXEC", None),
    ("SET a v", None), ("GETDEL a", None), ("SADD s a b", None), ("SPOP s 9", None), ("SET a v", None), ("SET b v", None), ("RESTORE a 5 %b ABSTTL REPLACE", None),
    ("DEL b", None), ("SET b v", None), ("UNLINK b", None), ("FLUSHALL", None),
];
