//! What elements are folded with: built-in operations on numbers, and operations of the program (MPI 4.1, section 6.9).

use bytemuck::Pod;

pub use crate::collective::Operation;
use crate::collective::Side;
use crate::transport::failure::Failure;

/// Folds two elements into one: `left ∘ right`, where left comes from lower ranks. It must be associative.
pub trait Fold<T> {
    /// `left ∘ right`.
    fn fold(&self, left: &T, right: &T) -> T;

    /// Whether `a ∘ b` is `b ∘ a` for all `a`, `b`: then algorithms may be chosen that are faster.
    fn commutes(&self) -> bool;

    /// A built-in operation's number, by which ranks see that they use the same; 0 for any other.
    fn number(&self) -> u16 {
        0
    }

    /// Why it cannot be used on these elements at all.
    ///
    /// # Errors
    /// [`Failure::Value`].
    fn check(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// `into ← into ∘ other` or `other ∘ into`, element by element; the side is that of `other`.
    fn fold_all(&self, into: &mut [T], other: &[T], side: Side) {
        for (into, other) in into.iter_mut().zip(other) {
            *into = match side {
                Side::Left => self.fold(other, into),
                Side::Right => self.fold(into, other),
            };
        }
    }
}

/// A number that built-in operations know: whole numbers of 8 to 64 bits, and floating point numbers. Sums and products
/// of whole numbers wrap around.
pub trait Number: Pod + PartialOrd {
    /// Whether operations on bits are defined.
    const HAS_BITS: bool;

    /// `left ∘ right`.
    #[must_use]
    fn fold(operation: Operation, left: Self, right: Self) -> Self;
}

macro_rules! numbers {
    ($has_bits:literal, $add:ident, $multiply:ident, $bits:expr, $zero:literal, $one:literal; $($number:ty)*) => {$(
        impl Number for $number {
            const HAS_BITS: bool = $has_bits;

            #[inline]
            fn fold(operation: Operation, left: Self, right: Self) -> Self {
                let truth = |is: bool| if is { $one } else { $zero };
                let bits: fn(Operation, Self, Self) -> Self = $bits;
                match operation {
                    Operation::Sum => left.$add(right),
                    Operation::Product => left.$multiply(right),
                    Operation::Min => if right < left { right } else { left },
                    Operation::Max => if right > left { right } else { left },
                    Operation::LogicalAnd => truth(left != $zero && right != $zero),
                    Operation::LogicalOr => truth(left != $zero || right != $zero),
                    Operation::LogicalXor => truth((left != $zero) != (right != $zero)),
                    Operation::BitAnd | Operation::BitOr | Operation::BitXor => bits(operation, left, right),
                }
            }
        }
    )*};
}

numbers! { true, wrapping_add, wrapping_mul, |operation, left, right| match operation {
    Operation::BitAnd => left & right,
    Operation::BitOr => left | right,
    _ => left ^ right,
}, 0, 1; u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

// Bits of floating point numbers are refused before (`Fold::check`).
numbers! { false, add, mul, |_, left, _| left, 0.0, 1.0; f32 f64 }

use std::ops::{Add, Mul};

/// One operation as a loop of its own, so that the compiler sees which it is.
macro_rules! loops {
    ($self:ident, $into:ident, $other:ident; $($operation:ident)*) => {
        match $self {$(
            Operation::$operation => {
                for (into, other) in $into.iter_mut().zip($other) {
                    *into = T::fold(Operation::$operation, *into, *other);
                }
            }
        )*}
    };
}

impl<T: Number> Fold<T> for Operation {
    fn fold(&self, left: &T, right: &T) -> T {
        T::fold(*self, *left, *right)
    }

    fn commutes(&self) -> bool {
        true
    }

    fn number(&self) -> u16 {
        *self as u16
    }

    fn check(&self) -> Result<(), Failure> {
        match self {
            Self::BitAnd | Self::BitOr | Self::BitXor if !T::HAS_BITS => {
                Err(Failure::Value { verb: "folded", reason: format!("`{self}` takes whole numbers only") })
            }
            _ => Ok(()),
        }
    }

    fn fold_all(&self, into: &mut [T], other: &[T], _: Side) {
        loops! { self, into, other; Sum Product Min Max LogicalAnd LogicalOr LogicalXor BitAnd BitOr BitXor }
    }
}

/// An operation of the program (`MPI_Op_create`).
#[derive(Debug, Clone, Copy)]
pub struct UserOperation<F> {
    fold: F,
    commutes: bool,
}

impl<F> UserOperation<F> {
    /// One that is associative. Elements are folded in the order of ranks.
    #[must_use]
    pub fn new(fold: F) -> Self {
        Self { fold, commutes: false }
    }

    /// One that is associative and commutes. Elements are folded in any order.
    #[must_use]
    pub fn commutative(fold: F) -> Self {
        Self { fold, commutes: true }
    }
}

impl<T, F: Fn(&T, &T) -> T> Fold<T> for UserOperation<F> {
    fn fold(&self, left: &T, right: &T) -> T {
        (self.fold)(left, right)
    }

    fn commutes(&self) -> bool {
        self.commutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_on_whole_and_on_floating_point_numbers() {
        let folded = Operation::ALL.map(|operation| {
            let mut whole = [12_i32];
            operation.fold_all(&mut whole, &[6], Side::Left);
            assert_eq!(whole[0], Fold::fold(&operation, &12, &6));
            whole[0]
        });
        assert_eq!(folded, [18, 72, 6, 12, 1, 1, 0, 4, 14, 10]);
        for operation in Operation::ALL {
            let mut float = [12_f64];
            let takes_floats = Fold::<f64>::check(&operation).is_ok();
            assert_eq!(takes_floats, !operation.name().starts_with('b'));
            if takes_floats {
                operation.fold_all(&mut float, &[6.0], Side::Right);
                assert_eq!(float[0], f64::from(Fold::fold(&operation, &12_i32, &6)));
            }
        }
        assert_eq!(Fold::fold(&Operation::Sum, &i64::MAX, &1), i64::MIN);
    }

    #[test]
    fn the_other_operand_stands_on_its_side() {
        let minus = UserOperation::new(|left: &i32, right: &i32| left - right);
        for (side, result) in [(Side::Left, 5 - 7), (Side::Right, 7 - 5)] {
            let mut into = [7];
            minus.fold_all(&mut into, &[5], side);
            assert_eq!(into[0], result);
        }
    }
}
