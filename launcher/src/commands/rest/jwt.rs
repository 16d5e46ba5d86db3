//! Tokens that let clients in: JSON Web Tokens signed with HMAC-SHA256 (RFC 7519; RFC 7518, section 3.2), with the claims
//! of Slurm's own (`scontrol(1)`, token): who it is for (`sun`), and from when until when it holds.
//!
//! Pure: the clock comes as a number.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Bytes of a token that is looked at: ours have about 150.
const TOKEN_BYTES_MAX: usize = 4096;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// When it ends to hold, Unix seconds.
    pub exp: u64,
    /// When it was made.
    pub iat: u64,
    /// The user it is for.
    pub sun: String,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three parts, or not of this kind.
    #[error("it is no token of `scontrol token`")]
    Form,
    /// Somebody else has made it, or changed it.
    #[error("its signature is wrong")]
    Signature,
    /// It held once.
    #[error("it has expired: `scontrol token` makes another")]
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
}

/// A token with these claims.
#[must_use]
pub fn sign(key: &[u8], claims: &Claims) -> String {
    let part = |json: serde_json::Result<Vec<u8>>| BASE64.encode(json.unwrap_or_default());
    let header = Header { alg: "HS256".to_owned(), typ: "JWT".to_owned() };
    let signed = format!("{}.{}", part(serde_json::to_vec(&header)), part(serde_json::to_vec(claims)));
    let signature = mac(key, signed.as_bytes()).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    format!("{signed}.{}", BASE64.encode(signature))
}

/// What a token says that holds at this Unix second. The signature is looked at first, in the same time whatever is wrong
/// with it.
///
/// # Errors
/// [`JwtError`].
pub fn verify(key: &[u8], token: &str, now: u64) -> Result<Claims, JwtError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(JwtError::Form);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Form)?;
    let (header, claims) = signed.split_once('.').ok_or(JwtError::Form)?;
    let signature = BASE64.decode(signature).map_err(|_| JwtError::Form)?;
    let mac = mac(key, signed.as_bytes()).ok_or(JwtError::Form)?;
    mac.verify_slice(&signature).map_err(|_| JwtError::Signature)?;
    let header: Header = json(header)?;
    let claims: Claims = json(claims)?;
    match header.alg.as_str() {
        "HS256" if claims.exp > now => Ok(claims),
        "HS256" => Err(JwtError::Expired),
        _ => Err(JwtError::Form),
    }
}

fn mac(key: &[u8], signed: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(signed);
    Some(mac)
}

fn json<T: for<'a> Deserialize<'a>>(part: &str) -> Result<T, JwtError> {
    let bytes = BASE64.decode(part).map_err(|_| JwtError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| JwtError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: &[u8]) -> String {
        sign(key, &Claims { exp: 2000, iat: 200, sun: "ada".to_owned() })
    }

    /// The example of RFC 7515, appendix A.1, whose key and text are given there byte for byte.
    #[test]
    fn the_signature_is_the_one_of_the_standard() {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0\
                      dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let key = BASE64.decode(key).unwrap();
        let made = mac(&key, signed.as_bytes()).unwrap().finalize().into_bytes();
        assert_eq!(BASE64.encode(made), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_holds_for_its_time_and_its_key_alone() {
        let token = token(b"key");
        assert_eq!(verify(b"key", &token, 1999).unwrap().sun, "ada");
        assert_eq!(verify(b"key", &token, 2000), Err(JwtError::Expired));
        assert_eq!(verify(b"other", &token, 1999), Err(JwtError::Signature));
    }

    #[test]
    fn what_was_changed_is_refused() {
        let whole = token(b"key");
        let [header, claims, signature] = whole.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let other = BASE64.encode(r#"{"exp":9999,"iat":0,"sun":"eve"}"#);
        let none = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert_eq!(verify(b"key", &format!("{header}.{other}.{signature}"), 0), Err(JwtError::Signature));
        assert_eq!(verify(b"key", &format!("{none}.{claims}."), 0), Err(JwtError::Signature));
        let made = |header: &str| {
            let signed = format!("{header}.{claims}");
            format!(
                "{signed}.{}",
                BASE64.encode(mac(b"key", signed.as_bytes()).unwrap().finalize().into_bytes())
            )
        };
        assert_eq!(verify(b"key", &made(&none), 0), Err(JwtError::Form));
        for broken in ["", "a", "a.b", "a.b.c", "..", &"x".repeat(5000)] {
            assert!(verify(b"key", broken, 0).is_err(), "{broken}");
        }
    }
}
