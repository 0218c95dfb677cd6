//! `redis.*`, and `math.random`.

use crate::arguments::{Arguments, to_int};
use crate::decimal::push_general;
use crate::fault::{self, Fault, bad_argument};
use crate::host::{Encoded, Host, Pace, built};
use crate::inward;
use crate::random::Random;
use crate::scripts;
use crate::shared::Shared;
use crate::step::Step;
use keyspace::args::OwnedArgs;
use keyspace::reply::Resp;
use mlua::{Lua, MultiValue, Scope, Table, Value};

/// What `redis.REDIS_VERSION` says: the version that INFO reports.
const VERSION: (&str, u32) = ("7.2.4", 0x0007_0204);

/// Most bytes of a line of `redis.log`, as in the server's own log in Redis. The rest is cut off.
const LOG_BYTES_MAX: usize = 1024;

/// Significant digits of a number that is an argument of a command.
const ARGUMENT_DIGITS: usize = 17;

/// Integers below this have no more digits than those.
const PLAIN_INTEGERS: f64 = 1e17;

/// Most bytes of room that are kept for the next reply.
const BUFFER_BYTES_KEPT: usize = 64 << 10;

/// Which of `redis.call` and `redis.pcall`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Errors {
    Raised,
    Returned,
}

/// Puts `redis` and the generator of numbers into the globals.
pub(crate) fn install<'scope, 'env>(
    lua: &Lua,
    scope: &'scope Scope<'scope, 'env>,
    host: &'env Host<'env>,
    globals: &Table,
) -> mlua::Result<()> {
    let redis = lua.create_table()?;
    for (name, errors) in [("call", Errors::Raised), ("pcall", Errors::Returned)] {
        redis.raw_set(name, scope.create_function(move |lua, values: MultiValue| call(lua, host, values, errors))?)?;
    }
    redis.raw_set("log", scope.create_function(|lua, values: MultiValue| log(lua, host, values))?)?;
    redis.raw_set("acl_check_cmd", scope.create_function(|lua, values: MultiValue| acl_check(lua, host, values))?)?;
    redis.raw_set("register_function", crate::sandbox::register_function(lua, host)?)?;
    redis.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    redis.raw_set("error_reply", lua.create_function(error_reply)?)?;
    redis.raw_set("status_reply", lua.create_function(status_reply)?)?;
    let shared = host.shared.clone();
    redis.raw_set("setresp", lua.create_function(move |_, args: (Value, Value)| setresp(&shared, args))?)?;
    redis.raw_set("set_repl", lua.create_function(set_repl)?)?;
    redis.raw_set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)?;
    redis.raw_set("breakpoint", lua.create_function(|_, ()| Ok(false))?)?;
    redis.raw_set("debug", lua.create_function(|_, ()| Ok(()))?)?;
    redis.raw_set("REDIS_VERSION", VERSION.0)?;
    redis.raw_set("REDIS_VERSION_NUM", VERSION.1)?;
    let numbers = [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
    ];
    for (name, number) in numbers {
        redis.raw_set(name, number)?;
    }
    globals.raw_set("redis", redis)?;
    install_random(lua, host, &globals.raw_get("math")?)
}

fn call(lua: &Lua, host: &Host<'_>, values: MultiValue, errors: Errors) -> mlua::Result<Value> {
    let shared = &host.shared;
    let asked = gather(shared, values);
    if let Err(text) = asked {
        return answer_error(lua, text.as_bytes(), false, errors);
    }
    let left = host.want(lua, Step::Call(shared.resp.get()));
    shared.args.borrow_mut().clear();
    left?;
    // The buffer goes back when the reply is read, unless it is large: no borrow lasts while Lua allocates.
    let mut reply = shared.answer.take();
    let value = match reply.first() {
        Some(b'-') => answer_error(lua, inward::error_text(&reply), true, errors),
        _ => {
            let encoded = Encoded { bytes: reply.len(), values: 0 };
            built(lua, shared, encoded, || inward::value(lua, &host.names, &reply))
        }
    };
    reply.clear();
    reply.shrink_to(BUFFER_BYTES_KEPT);
    shared.answer.replace(reply);
    value
}

fn answer_error(lua: &Lua, text: &[u8], counted: bool, errors: Errors) -> mlua::Result<Value> {
    match errors {
        Errors::Raised => Err(Fault::Reply(text.to_vec(), counted).into()),
        Errors::Returned => fault::error_table(lua, text, counted),
    }
}

/// Arguments beyond what one call takes, ahead of it. What is wrong with them the call will say.
pub(crate) fn stash(shared: &Shared, values: MultiValue) -> mlua::Result<()> {
    if let Err(text) = push_all(shared, values) {
        shared.refused.set(Some(text));
    }
    Ok(())
}

/// The command of a call, after what is stashed.
fn gather(shared: &Shared, values: MultiValue) -> Result<(), &'static str> {
    if let Some(text) = shared.refused.take() {
        shared.args.borrow_mut().clear();
        return Err(text);
    }
    if values.is_empty() {
        return Err("ERR Please specify at least one argument for this redis lib call");
    }
    push_all(shared, values)
}

fn push_all(shared: &Shared, values: MultiValue) -> Result<(), &'static str> {
    let mut args = shared.args.borrow_mut();
    let mut refused = None;
    let mut bytes = args.args().bytes();
    for value in &values {
        match value {
            Value::String(text) => {
                let text = text.as_bytes();
                bytes += text.len();
                if bytes > shared.limits.reply_bytes_max {
                    refused = Some("ERR too many bytes in the arguments of a command");
                    break;
                }
                args.push(&text);
            }
            Value::Integer(value) => push_number(&mut args, *value as f64),
            Value::Number(value) => push_number(&mut args, *value),
            _ => {
                refused = Some("ERR Lua redis lib command arguments must be strings or integers");
                break;
            }
        }
    }
    if let Some(text) = refused {
        args.clear();
        return Err(text);
    }
    Ok(())
}

/// Appends a number as an argument of a command.
pub(crate) fn push_number(args: &mut OwnedArgs, value: f64) {
    // Zero may have a sign, which is printed.
    if value.fract() == 0.0 && value.abs() < PLAIN_INTEGERS && (value != 0.0 || value.is_sign_positive()) {
        return args.push(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    let mut digits = Vec::new();
    push_general(&mut digits, value, ARGUMENT_DIGITS);
    args.push(&digits);
}

fn log(lua: &Lua, host: &Host<'_>, values: MultiValue) -> mlua::Result<()> {
    let args = Arguments::new(lua, values);
    if args.len() < 2 {
        return Err(fault::reply("ERR redis.log() requires two arguments or more."));
    }
    let level = match args.get(0) {
        Some(Value::Integer(_) | Value::Number(_)) => to_int(args.number(0)?),
        _ => return Err(fault::reply("ERR First argument must be a number (log level).")),
    };
    if !(0..=3).contains(&level) {
        return Err(fault::reply("ERR Invalid debug level."));
    }
    let mut line = Vec::new();
    for index in 1..args.len() {
        if matches!(args.get(index), Some(Value::String(_) | Value::Integer(_) | Value::Number(_))) {
            if index > 1 {
                line.push(b' ');
            }
            let text = args.text(index)?;
            line.extend(text.as_bytes().iter().take(LOG_BYTES_MAX.saturating_sub(line.len())));
        }
    }
    drop(args);
    line.truncate(LOG_BYTES_MAX);
    host.shared.text.replace(printable(&line));
    Ok(host.want(lua, Step::Log(level as u8))?)
}

/// A line with its control characters written out: they would end the line, or speak to whoever's terminal shows it.
fn printable(line: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for letter in String::from_utf8_lossy(line).chars() {
        match letter.is_control() {
            true => out.extend(letter.escape_default()),
            false => out.push(letter),
        }
    }
    out.into_bytes()
}

fn acl_check(lua: &Lua, host: &Host<'_>, values: MultiValue) -> mlua::Result<Value> {
    gather(&host.shared, values).map_err(fault::reply)?;
    let left = host.want(lua, Step::AclCheck);
    host.shared.args.borrow_mut().clear();
    left?;
    let reply = host.shared.answer.take();
    let value = match reply.first() {
        Some(b'-') => Err(fault::reply("ERR Invalid command passed to redis.acl_check_cmd()")),
        _ => Ok(Value::Boolean(reply.starts_with(b":1"))),
    };
    host.shared.answer.replace(reply);
    value
}

/// How many bytes are copied while one is summed.
const SUMMED_BYTE: usize = 16;

fn sha1hex(lua: &Lua, (text, more): (Value, Value)) -> mlua::Result<mlua::String> {
    let args = Arguments::new(lua, MultiValue::from_vec(vec![text.clone()]));
    if text.is_nil() || !more.is_nil() {
        return Err(fault::reply("ERR wrong number of arguments"));
    }
    // Only strings and numbers have bytes; of anything else Redis sums the empty string.
    let sha = match args.get(0) {
        Some(Value::String(_) | Value::Integer(_) | Value::Number(_)) => {
            let text = args.text(0)?;
            Pace::new(lua).bytes(text.as_bytes().len().saturating_mul(SUMMED_BYTE))?;
            scripts::sha_of(&text.as_bytes())
        }
        _ => scripts::sha_of(b""),
    };
    lua.create_string(sha)
}

fn error_reply(lua: &Lua, (text, more): (Value, Value)) -> mlua::Result<Value> {
    let (Value::String(text), Value::Nil) = (&text, &more) else {
        return fault::error_table(lua, b"ERR wrong number or type of arguments", false);
    };
    let text = text.as_bytes();
    let line: Vec<u8> = if text.first() == Some(&b'-') { text.to_vec() } else { [b"-".as_slice(), &text].concat() };
    fault::error_table(lua, &inward::coded(&line[1..]), false)
}

fn status_reply(lua: &Lua, (text, more): (Value, Value)) -> mlua::Result<Value> {
    let (Value::String(_), Value::Nil) = (&text, &more) else {
        return fault::error_table(lua, b"ERR wrong number or type of arguments", false);
    };
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("ok", text)?;
    Ok(Value::Table(table))
}

fn setresp(shared: &Shared, (version, more): (Value, Value)) -> mlua::Result<()> {
    if version.is_nil() || !more.is_nil() {
        return Err(fault::reply("ERR redis.setresp() requires one argument."));
    }
    let resp = match version {
        Value::Integer(2) => Resp::V2,
        Value::Integer(3) => Resp::V3,
        _ => return Err(fault::reply("ERR RESP version must be 2 or 3.")),
    };
    shared.resp.set(resp);
    Ok(())
}

/// There is nothing to choose from: what is replicated is not the script's affair here. Only wrong flags are refused.
fn set_repl(_: &Lua, (flags, more): (Value, Value)) -> mlua::Result<()> {
    match (&flags, more.is_nil()) {
        (Value::Integer(0..=3), true) => Ok(()),
        (Value::Nil, _) | (_, false) => Err(fault::reply("ERR redis.set_repl() requires two arguments.")),
        _ => Err(fault::reply("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")),
    }
}

fn install_random(lua: &Lua, host: &Host<'_>, math: &Table) -> mlua::Result<()> {
    let shared = host.shared.clone();
    let random = move |lua: &Lua, (first, second, third): (Value, Value, Value)| {
        if !third.is_nil() {
            return Err(fault::at_caller(lua, "wrong number of arguments"));
        }
        let args = Arguments::new(lua, MultiValue::from_vec(vec![first, second]));
        let mut seeded = shared.seeded.borrow_mut();
        let unit = match &mut *seeded {
            Some(random) => random.unit(),
            None => shared.random.borrow_mut().unit(),
        };
        drop(seeded);
        let (Some(first), second) = (args.optional_number(0)?, args.optional_number(1)?) else {
            return Ok(unit);
        };
        let (low, high, last) = match second {
            None => (1, to_int(first), 1),
            Some(second) => (to_int(first), to_int(second), 2),
        };
        if low > high {
            return Err(bad_argument(lua, last, "interval is empty"));
        }
        Ok((unit * (f64::from(high) - f64::from(low) + 1.0)).floor() + f64::from(low))
    };
    math.raw_set("random", lua.create_function(random)?)?;
    let shared = host.shared.clone();
    let randomseed = move |lua: &Lua, seed: Value| {
        let args = Arguments::new(lua, MultiValue::from_vec(vec![seed]));
        *shared.seeded.borrow_mut() = Some(Random::seeded(to_int(args.number(0)?)));
        Ok(())
    };
    math.raw_set("randomseed", lua.create_function(randomseed)?)
}
