use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Longest token that is looked at, and more.
const LONG: usize = 5000;

/// Somebody who makes tokens that nobody may believe. Holds the issuer's key, for those that only
/// their claims give away.
pub struct Forger {
    issuer: Ed25519KeyPair,
    stranger: Ed25519KeyPair,
    kid: String,
}

impl std::fmt::Debug for Forger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forger").finish_non_exhaustive()
    }
}

impl Forger {
    /// With the issuer's private key (PKCS#8) and what it is published as.
    pub fn new(pkcs8: &[u8], kid: impl Into<String>) -> Self {
        let strange = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new());
        Self {
            issuer: Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap(),
            stranger: Ed25519KeyPair::from_pkcs8(strange.unwrap().as_ref()).unwrap(),
            kid: kid.into(),
        }
    }

    /// A token as the issuer signs it.
    pub fn genuine(&self, claims: &Value) -> String {
        sign(&self.issuer, &self.header(), claims)
    }

    /// Every kind of token that must be refused, by what is wrong with it, made from `claims` that
    /// are good at the moment `now`, in seconds since the Unix epoch.
    pub fn forgeries(&self, claims: &Value, now: i64) -> Vec<(String, String)> {
        let mut forgeries = self.with_another_algorithm(claims);
        forgeries.extend(self.with_another_key(claims));
        forgeries.extend(self.with_other_claims(claims, now));
        forgeries.extend(self.torn(claims));
        forgeries
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    fn with_another_algorithm(&self, claims: &Value) -> Vec<(String, String)> {
        let mut forgeries = Vec::new();
        let header = |alg: &str| json!({"alg": alg, "typ": "at+jwt", "kid": self.kid});
        for none in ["none", "None", "NONE", "nOnE", ""] {
            let unsigned = format!("{}.", unsigned(&header(none), claims));
            forgeries.push((format!("alg {none:?}, no signature"), unsigned));
            let signed = sign(&self.issuer, &header(none), claims);
            forgeries.push((format!("alg {none:?}, a good signature"), signed));
        }
        // The public key is known to everybody: as an HMAC secret it would let everybody sign.
        let public = self.issuer.public_key().as_ref();
        let text = URL_SAFE_NO_PAD.encode(public);
        let secrets = [
            ("raw", public),
            ("base64url", text.as_bytes()),
            ("empty", b""),
        ];
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ] {
            for (form, secret) in secrets {
                let unsigned = unsigned(&header(alg), claims);
                let key = hmac::Key::new(algorithm, secret);
                let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, unsigned.as_bytes()));
                let what = format!("alg {alg} with the public key, {form}");
                forgeries.push((what, format!("{unsigned}.{tag}")));
            }
        }
        for alg in ["RS256", "ES256", "PS256", "Ed25519", "eddsa"] {
            let signed = sign(&self.issuer, &header(alg), claims);
            forgeries.push((format!("alg {alg} on our own signature"), signed));
        }
        for typ in [
            json!("JWT"),
            json!("at+JWT; x"),
            json!("id+jwt"),
            Value::Null,
        ] {
            let mut header = self.header();
            set(&mut header, "typ", typ.clone());
            let signed = sign(&self.issuer, &header, claims);
            forgeries.push((format!("typ {typ}"), signed));
        }
        forgeries
    }

    fn with_another_key(&self, claims: &Value) -> Vec<(String, String)> {
        let mut forgeries = Vec::new();
        let strange = sign(&self.stranger, &self.header(), claims);
        forgeries.push(("a stranger's signature under our kid".to_owned(), strange));
        for kid in [
            json!("unknown"),
            json!(""),
            json!("../../../../dev/null"),
            json!("' OR 1=1 --"),
            json!(self.kid.to_uppercase() + "="),
            json!(format!("{}\0", self.kid)),
            json!(7),
            json!([self.kid]),
            Value::Null,
        ] {
            let mut header = self.header();
            set(&mut header, "kid", kid.clone());
            let signed = sign(&self.stranger, &header, claims);
            forgeries.push((format!("kid {kid}"), signed));
        }
        // Keys that come with the token prove nothing of who signed it.
        let public = URL_SAFE_NO_PAD.encode(self.stranger.public_key().as_ref());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": public});
        for (name, value) in [
            ("jwk", jwk),
            ("jku", json!("http://127.0.0.1:9/jwks.json")),
            ("x5u", json!("http://127.0.0.1:9/chain.pem")),
            ("x5c", json!([public])),
        ] {
            let mut header = self.header();
            set(&mut header, name, value);
            let signed = sign(&self.stranger, &header, claims);
            forgeries.push((format!("a key of its own in {name}"), signed));
        }
        forgeries
    }

    fn with_other_claims(&self, claims: &Value, now: i64) -> Vec<(String, String)> {
        let changes = [
            ("exp", json!(now - 3600)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!("9999999999")),
            ("exp", json!((now + 600).to_string())),
            ("exp", json!([now + 600])),
            ("exp", json!(true)),
            ("exp", Value::Null),
            ("nbf", json!(now + 3600)),
            ("nbf", json!("0")),
            ("nbf", Value::Null),
            ("iss", json!("somebody else")),
            ("iss", json!("stream-manager ")),
            ("iss", Value::Null),
            ("aud", json!("another system")),
            ("aud", json!(["another system"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("sub", json!("admin")),
            ("sub", Value::Null),
            ("sid", Value::Null),
            ("role", json!("root")),
            ("role", json!(["admin"])),
            ("role", json!("ADMIN")),
            ("role", Value::Null),
            ("standing", json!(-1)),
        ];
        let forge = |(name, value): (&str, Value)| {
            let what = format!("{name} {value}");
            let mut claims = claims.clone();
            set(&mut claims, name, value);
            (what, self.genuine(&claims))
        };
        changes.into_iter().map(forge).collect()
    }

    /// Good tokens of which a part is another.
    fn torn(&self, claims: &Value) -> Vec<(String, String)> {
        let genuine = self.genuine(claims);
        let parts: Vec<&str> = genuine.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            panic!("three parts: {genuine}");
        };
        let mut raised = claims.clone();
        set(&mut raised, "role", json!("admin"));
        set(&mut raised, "name", json!("somebody"));
        let raised = encode(&raised);
        let mut claims = claims.clone();
        set(&mut claims, "jti", json!("another token"));
        let other = self.genuine(&claims);
        let of_another = other.rsplit('.').next().unwrap_or_default();
        let short = signature.get(..80).unwrap_or_default();
        [
            (
                "a role raised under the old signature",
                format!("{header}.{raised}.{signature}"),
            ),
            (
                "the signature of another token",
                format!("{header}.{payload}.{of_another}"),
            ),
            ("no signature", format!("{header}.{payload}.")),
            ("two parts", format!("{header}.{payload}")),
            ("four parts", format!("{genuine}.{signature}")),
            (
                "a signature cut short",
                format!("{header}.{payload}.{short}"),
            ),
            (
                "a signature of zeros",
                format!("{header}.{payload}.{}", "A".repeat(86)),
            ),
            ("padding", format!("{header}.{payload}.{signature}==")),
            ("too long", format!("{genuine}{}", "A".repeat(LONG))),
            ("no JSON", format!("e30.{}.{signature}", "A".repeat(40))),
            ("nothing", "..".to_owned()),
        ]
        .into_iter()
        .map(|(what, token)| (what.to_owned(), token))
        .collect()
    }
}

/// Sets a member, or takes it away for null.
fn set(object: &mut Value, name: &str, value: Value) {
    let object = object.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header), encode(claims))
}

fn sign(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let unsigned = unsigned(header, claims);
    let signature = pair.sign(unsigned.as_bytes());
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature))
}
