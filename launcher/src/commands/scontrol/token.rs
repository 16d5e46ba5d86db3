//! `scontrol token` (`scontrol(1)`): lets a program in at `prun rest`, for a time.

use crate::commands::clock::Clock;
use crate::commands::ending::Ending;
use crate::commands::rest::jwt::{Claims, sign};
use crate::commands::{rest, users};
use crate::controller::client::{self, ClientError};

/// How long a token holds where nothing else is said (`scontrol(1)`, token).
const LIFESPAN_SECS: u64 = 1800;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    lifespan_secs: u64,
    user: Option<String>,
}

impl Wanted {
    fn read(operands: &[String]) -> Result<Self, Ending> {
        let mut wanted = Self { lifespan_secs: LIFESPAN_SECS, user: None };
        for operand in operands {
            let (key, value) = operand.split_once('=').unwrap_or((operand, ""));
            match key.to_ascii_lowercase().as_str() {
                "lifespan" if value.eq_ignore_ascii_case("infinite") => {
                    wanted.lifespan_secs = u32::MAX.into()
                }
                "lifespan" => match value.parse::<u32>() {
                    Ok(seconds) if seconds > 0 => wanted.lifespan_secs = seconds.into(),
                    _ => return Err(Ending::error(format!("Invalid value for lifespan: {value}"), 1)),
                },
                "username" if !value.is_empty() => wanted.user = Some(value.to_owned()),
                _ => return Err(Ending::error(format!("Invalid option: {operand}"), 1)),
            }
        }
        Ok(wanted)
    }
}

/// The line for the shell: `SLURM_JWT=…`. Blocks on the file of the key that the token is signed with, which is made
/// where it is missing.
///
/// # Errors
/// What the command ends with: options that cannot be read, another user's name, no cluster of this user's own here.
pub fn run(operands: &[String]) -> Result<Ending, Ending> {
    let wanted = Wanted::read(operands)?;
    let me = users::own_name();
    if wanted.user.as_ref().is_some_and(|user| *user != me) {
        let line = format!("scontrol: error: a cluster is its user's own: there are tokens for `{me}` alone");
        return Err(Ending::error(line, 1));
    }
    let fails = |error: &dyn std::error::Error| {
        Ending::error(format!("scontrol: error: {}", crate::commands::http::said(error)), 1)
    };
    let home = client::home_of_controller().map_err(|error: ClientError| fails(&error))?;
    let key = rest::key_of(&home).map_err(|error| fails(&error))?;
    let iat = Clock::system().now as u64;
    let claims = Claims { exp: iat + wanted.lifespan_secs, iat, sun: me };
    Ok(Ending::text(format!("SLURM_JWT={}\n", sign(key.text().as_bytes(), &claims))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wanted, Ending> {
        Wanted::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn lifespan_and_user_are_read() {
        assert_eq!(read("").unwrap(), Wanted { lifespan_secs: 1800, user: None });
        assert_eq!(read("lifespan=60").unwrap().lifespan_secs, 60);
        assert_eq!(read("Lifespan=infinite").unwrap().lifespan_secs, 4_294_967_295);
        assert_eq!(read("username=ada").unwrap().user.as_deref(), Some("ada"));
        for wrong in ["lifespan=0", "lifespan=soon", "username=", "foo=1", "foo"] {
            assert_eq!(read(wrong).unwrap_err().code, 1, "{wrong}");
        }
    }
}
