//! Password hashes, and passwords derived from a master password.

use ::bcrypt::{BcryptError, Version, non_truncating_hash_with_result};
use gotemplate::Error;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scrypt::Params;
use sha2::Sha256;

/// The cost that Go's package takes.
const COST: u32 = 10;

/// A bcrypt hash; the text of the error where there is none.
pub(super) fn bcrypt(password: &str) -> String {
    match non_truncating_hash_with_result(password, COST) {
        Ok(hash) => hash.format_for_version(Version::TwoA),
        Err(BcryptError::Truncation(_)) => "failed to encrypt string with bcrypt: bcrypt: \
                                            password length exceeds 72 bytes"
            .to_owned(),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    }
}

const SEED: &str = "com.lyndir.masterpassword";

/// The templates of a type of password, of which the seed chooses one.
fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

/// What a character of a template stands for.
fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The bytes after their length.
fn with_length(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// The Master Password algorithm, whose parameters are fixed.
pub(super) fn derive(
    counter: u32,
    kind: &str,
    password: &str,
    user: &str,
    site: &str,
) -> Result<String, Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::new(format!("failed to derive password: {error}"));
    let Some(templates) = templates(kind) else {
        return Ok(format!("cannot find password template {kind}"));
    };
    let salt = [SEED.as_bytes(), &with_length(user)].concat();
    let parameters = Params::new(15, 8, 2).map_err(|error| failed(&error))?;
    let mut key = [0; 64];
    scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut key)
        .map_err(|error| failed(&error))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| failed(&error))?;
    mac.update(SEED.as_bytes());
    mac.update(&with_length(site));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let mut seed = seed.iter().map(|byte| usize::from(*byte));
    let template = seed.next().and_then(|byte| templates.get(byte % templates.len()));
    let password = template.copied().unwrap_or_default().bytes().zip(seed).map(|(class, byte)| {
        let characters = characters(class);
        characters.get(byte % characters.len()).copied().map_or(' ', char::from)
    });
    Ok(password.collect())
}
