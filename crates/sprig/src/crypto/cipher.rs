//! AES-256 in CBC mode, with the password as the key and the initialization vector in front.

use aes::{
    Aes256,
    cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _},
};
use cbc::{Decryptor, Encryptor, cipher::block_padding::Pkcs7};
use data_encoding::BASE64;
use gotemplate::Error;

use crate::{cast::lossy, encoding::decode_base64, panics};

const BLOCK: usize = 16;

/// A password is cut or filled up with zeros.
fn key(password: &str) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from;
    }
    key
}

pub(super) fn encrypt(password: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let vector: [u8; BLOCK] = rand::random();
    let cipher = Encryptor::<Aes256>::new(&key(password).into(), &vector.into());
    let mut out = vector.to_vec();
    out.extend(cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
    BASE64.encode(&out)
}

/// The padding is only looked at, not checked: so does Go.
pub(super) fn decrypt(password: &str, encrypted: &str) -> Result<String, Error> {
    if encrypted.is_empty() {
        return Ok(String::new());
    }
    let bytes = decode_base64(encrypted)?;
    let Some((vector, content)) = bytes.split_first_chunk::<BLOCK>() else {
        // Go's decoder makes room for full quanta.
        let capacity = encrypted.len() / 4 * 3;
        return Err(format!(
            "runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}"
        )
        .into());
    };
    if content.len() % BLOCK != 0 {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let mut cipher = Decryptor::<Aes256>::new(&key(password).into(), vector.into());
    let mut plain = Vec::with_capacity(content.len());
    for chunk in content.chunks_exact(BLOCK) {
        let mut block = Block::<Aes256>::try_from(chunk).unwrap_or_default();
        cipher.decrypt_block(&mut block);
        plain.extend_from_slice(&block);
    }
    let Some(padding) = plain.last() else {
        return Err("runtime error: index out of range [-1]".into());
    };
    let length = crate::cast::count(plain.len()) - i64::from(*padding);
    panics::cut(&plain, None, Some(length)).map(lossy)
}
