//! A mark that stands for a secret, and every form in which it might get out.
//!
//! Promise: the mark is found in plain, in base64 at any alignment, in hex, and as a list of bytes as `Debug` writes it.

/// Something that must not be found, with its forms.
pub struct Mark {
    pub name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Mark {
    pub fn new(name: &'static str, secret: &[u8]) -> Mark {
        assert!(secret.len() >= 12, "{name}: a short mark is found by chance");
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let mut forms = vec![
            ("plain", secret.to_vec()),
            ("hex", hex.clone().into_bytes()),
            ("HEX", hex.to_uppercase().into_bytes()),
            ("list", list.into_bytes()),
        ];
        for shift in 0..3 {
            let coded = base64(&[&vec![0; shift], secret].concat());
            // The first and the last characters hang on what stands before and behind the secret.
            let inner = coded[4..coded.len() - 4].to_owned();
            forms.push(("base64url", inner.replace('+', "-").replace('/', "_").into_bytes()));
            forms.push(("base64", inner.into_bytes()));
        }
        Mark { name, forms }
    }

    /// The form in which it stands there, if it does.
    pub fn form_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let stands = |form: &[u8]| memchr::memmem::find(bytes, form).is_some();
        self.forms.iter().find(|(_, form)| stands(form)).map(|(name, _)| *name)
    }
}

/// RFC 4648 section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
