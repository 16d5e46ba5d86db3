//! Vectors of numbers, as ranks of any language give them to be folded, in bytes.

use crate::collective::Operation;

/// A vector of numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Whole numbers of 64 bits.
    Integers(Vec<i64>),
    /// Floating point numbers of 64 bits.
    Floats(Vec<f64>),
}

/// Why two vectors cannot be folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// They differ in length.
    #[error("{right} numbers do not fold with {left}")]
    Length {
        /// Of what was folded so far.
        left: usize,
        /// Of what was to be folded with it.
        right: usize,
    },
    /// A whole number has no room in 64 bits.
    #[error(
        "the {0} of the whole numbers at place {1} does not fit 64 bits; `--type float` folds them as floating point"
    )]
    Overflow(Operation, usize),
    /// Bits of floating point numbers.
    #[error("operation `{0}` takes whole numbers only")]
    NeedsIntegers(Operation),
}

impl Numbers {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(numbers) => numbers.len(),
            Self::Floats(numbers) => numbers.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As bytes: `i` or `f`, and eight bytes a number, little endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 8 * self.len());
        match self {
            Self::Integers(numbers) => {
                bytes.push(b'i');
                bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
            Self::Floats(numbers) => {
                bytes.push(b'f');
                bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
        bytes
    }

    /// From bytes; `None` where they are no numbers.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, bytes) = bytes.split_first()?;
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        match kind {
            b'i' => Some(Self::Integers(numbers.iter().map(|&number| i64::from_le_bytes(number)).collect())),
            b'f' => Some(Self::Floats(numbers.iter().map(|&number| f64::from_le_bytes(number)).collect())),
            _ => None,
        }
    }

    /// `self ∘ right`, element by element. Where one of them is of floating point, the result is.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn fold(self, right: Self, operation: Operation) -> Result<Self, FoldError> {
        if self.len() != right.len() {
            return Err(FoldError::Length { left: self.len(), right: right.len() });
        }
        match (self, right) {
            (Self::Integers(left), Self::Integers(right)) => {
                let pairs = left.into_iter().zip(right).enumerate();
                let folded = pairs.map(|(at, (left, right))| {
                    fold_integers(operation, left, right).ok_or(FoldError::Overflow(operation, at + 1))
                });
                folded.collect::<Result<_, _>>().map(Self::Integers)
            }
            (left, right) => {
                let pairs = left.into_floats().into_iter().zip(right.into_floats());
                let folded = pairs.map(|(left, right)| {
                    fold_floats(operation, left, right).ok_or(FoldError::NeedsIntegers(operation))
                });
                folded.collect::<Result<_, _>>().map(Self::Floats)
            }
        }
    }

    /// As floating point numbers.
    #[must_use]
    pub fn into_floats(self) -> Vec<f64> {
        match self {
            Self::Integers(numbers) => numbers.into_iter().map(|number| number as f64).collect(),
            Self::Floats(numbers) => numbers,
        }
    }
}

fn fold_integers(operation: Operation, left: i64, right: i64) -> Option<i64> {
    Some(match operation {
        Operation::Sum => left.checked_add(right)?,
        Operation::Product => left.checked_mul(right)?,
        Operation::Min => left.min(right),
        Operation::Max => left.max(right),
        Operation::LogicalAnd => i64::from(left != 0 && right != 0),
        Operation::LogicalOr => i64::from(left != 0 || right != 0),
        Operation::LogicalXor => i64::from((left != 0) != (right != 0)),
        Operation::BitAnd => left & right,
        Operation::BitOr => left | right,
        Operation::BitXor => left ^ right,
    })
}

fn fold_floats(operation: Operation, left: f64, right: f64) -> Option<f64> {
    let truth = |is: bool| f64::from(u8::from(is));
    Some(match operation {
        Operation::Sum => left + right,
        Operation::Product => left * right,
        Operation::Min => left.min(right),
        Operation::Max => left.max(right),
        Operation::LogicalAnd => truth(left != 0.0 && right != 0.0),
        Operation::LogicalOr => truth(left != 0.0 || right != 0.0),
        Operation::LogicalXor => truth((left != 0.0) != (right != 0.0)),
        Operation::BitAnd | Operation::BitOr | Operation::BitXor => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::Numbers::{Floats, Integers};
    use super::*;

    #[test]
    fn numbers_come_back_from_their_bytes() {
        for numbers in [Integers(vec![]), Integers(vec![i64::MIN, -1, 7]), Floats(vec![0.5, f64::INFINITY])] {
            assert_eq!(Numbers::from_bytes(&numbers.to_bytes()), Some(numbers));
        }
        assert_eq!(Integers(vec![258]).to_bytes(), [b'i', 2, 1, 0, 0, 0, 0, 0, 0]);
        for wrong in [&b""[..], b"x", b"i1234567", b"f123456789"] {
            assert_eq!(Numbers::from_bytes(wrong), None);
        }
    }

    #[test]
    fn every_operation_on_whole_and_on_floating_point_numbers() {
        let table = [
            (Operation::Sum, 18, Some(18.0)),
            (Operation::Product, 72, Some(72.0)),
            (Operation::Min, 6, Some(6.0)),
            (Operation::Max, 12, Some(12.0)),
            (Operation::LogicalAnd, 1, Some(1.0)),
            (Operation::LogicalOr, 1, Some(1.0)),
            (Operation::LogicalXor, 0, Some(0.0)),
            (Operation::BitAnd, 4, None),
            (Operation::BitOr, 14, None),
            (Operation::BitXor, 10, None),
        ];
        assert_eq!(table.map(|(operation, ..)| operation), Operation::ALL);
        for (operation, whole, float) in table {
            assert_eq!(Integers(vec![12]).fold(Integers(vec![6]), operation), Ok(Integers(vec![whole])));
            let float =
                float.map_or(Err(FoldError::NeedsIntegers(operation)), |float| Ok(Floats(vec![float])));
            assert_eq!(Floats(vec![12.0]).fold(Integers(vec![6]), operation), float);
        }
    }

    #[test]
    fn what_does_not_fold_is_told() {
        let told = |left: Numbers, right, operation| left.fold(right, operation).unwrap_err();
        let length = told(Integers(vec![1]), Integers(vec![]), Operation::Sum);
        assert_eq!(length, FoldError::Length { left: 1, right: 0 });
        let overflow = told(Integers(vec![0, i64::MAX]), Integers(vec![0, 1]), Operation::Sum);
        assert_eq!(overflow, FoldError::Overflow(Operation::Sum, 2));
    }
}
