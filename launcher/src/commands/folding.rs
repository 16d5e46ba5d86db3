//! What `prun reduce`, `prun allreduce` and `prun scan` have in common: numbers go in, folded numbers come out.

use clap::Args;
use prun_runtime::collective::Operation;
use prun_runtime::wire::numbers::Numbers;
use prun_runtime::wire::rank::Call;

use super::number_lines::{NumberLines, NumberType};
use super::step_call::{self, CallError};

/// Options of a command that folds numbers.
#[derive(Debug, Args)]
pub struct Folding {
    /// The operation: `sum`, `prod`, `min`, `max`; `land`, `lor`, `lxor` (of truth, as 0 or 1); `band`, `bor`, `bxor` (of
    /// the bits of whole numbers)
    #[arg(long = "op", value_name = "OPERATION", default_value = "sum")]
    pub operation: Operation,
    /// Which numbers are meant
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "auto")]
    kind: NumberType,
    /// Numbers, instead of those on stdin
    #[arg(value_name = "NUMBER", allow_negative_numbers = true)]
    numbers: Vec<String>,
}

impl Folding {
    /// Gives this rank's numbers to a call, and gives what it gets as text: nothing, where it gets nothing.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&self, call: Call) -> Result<Vec<u8>, CallError> {
        let own = match self.own_numbers() {
            Ok(own) => own,
            Err(error) => return step_call::collective(call, Err(error)),
        };
        let result = step_call::collective(call, Ok(own.numbers.to_bytes()))?;
        if result.is_empty() {
            return Ok(result);
        }
        let out_of_turn =
            || CallError::Refused("the step answered with something else than numbers".to_owned());
        Ok(own.write(&Numbers::from_bytes(&result).ok_or_else(out_of_turn)?).into_bytes())
    }

    fn own_numbers(&self) -> Result<NumberLines, CallError> {
        let text = match self.numbers.is_empty() {
            true => step_call::input()?,
            false => self.numbers.join(" ").into_bytes(),
        };
        Ok(NumberLines::read(&text, self.kind)?)
    }
}
