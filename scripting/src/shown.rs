//! KEYS and ARGV of plain scripts: one table each for all of them, with other elements.
//!
//! A table for each run is a tenth of what a short script costs. A plain script does nothing with the tables but read them
//! ([`crate::plain`]), so what is there is what was put there.

use keyspace::args::Args;
use mlua::{Lua, Table, Value};

/// KEYS or ARGV up to this many take the place of those before them.
const SHOWN_IN_PLACE_MAX: usize = 64;

/// A table of strings.
pub(crate) fn strings(lua: &Lua, args: Args<'_>) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(args.len(), 0)?;
    for (index, arg) in args.iter().enumerate() {
        table.raw_set(index + 1, lua.create_string(arg)?)?;
    }
    Ok(table)
}

/// KEYS or ARGV.
pub(crate) struct Shown {
    table: Table,
    len: usize,
}

impl Shown {
    /// An empty one, among the globals of plain scripts by this name.
    pub(crate) fn new(lua: &Lua, plain: &Table, name: &mlua::String) -> mlua::Result<Shown> {
        let table = lua.create_table()?;
        plain.raw_set(name, &table)?;
        Ok(Shown { table, len: 0 })
    }

    /// Puts strings into the place of those before. A large table gives way to a new one.
    pub(crate) fn show(&mut self, lua: &Lua, plain: &Table, name: &mlua::String, args: Args<'_>) -> mlua::Result<()> {
        let before = self.len;
        if before.max(args.len()) > SHOWN_IN_PLACE_MAX {
            self.table = strings(lua, args)?;
            self.len = args.len();
            return plain.raw_set(name, &self.table);
        }
        // Should memory end in between, elements of both are there.
        self.len = before.max(args.len());
        for (index, arg) in args.iter().enumerate() {
            self.table.raw_set(index + 1, lua.create_string(arg)?)?;
        }
        (args.len()..before).try_for_each(|index| self.table.raw_set(index + 1, Value::Nil))?;
        self.len = args.len();
        Ok(())
    }
}
