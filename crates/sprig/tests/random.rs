//! What is random has the properties that it should have.

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use p256::ecdsa::signature::Verifier as _;
    use rsa::{
        RsaPrivateKey, RsaPublicKey,
        pkcs1::DecodeRsaPrivateKey as _,
        pkcs1v15::{Signature, VerifyingKey},
        pkcs8::DecodePublicKey as _,
        sha2::Sha256,
        traits::PublicKeyParts as _,
    };
    use x509_cert::{
        Certificate,
        der::{DecodePem as _, Encode as _},
        ext::pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    };

    fn run(template: &str) -> String {
        crate::support::run(template).unwrap()
    }

    /// Renders several values and takes them apart again.
    fn parts<const N: usize>(template: &str) -> [String; N] {
        let parts: Vec<String> = run(template).split('|').map(str::to_owned).collect();
        parts.try_into().unwrap()
    }

    fn certificate(text: &str) -> Certificate {
        Certificate::from_pem(text).unwrap()
    }

    /// Whether the key of an authority has signed a certificate.
    fn is_signed_by(certificate: &Certificate, authority: &Certificate) -> bool {
        let message = certificate.tbs_certificate().to_der().unwrap();
        let signature = certificate.signature().raw_bytes();
        let key = authority.tbs_certificate().subject_public_key_info().to_der().unwrap();
        if let Ok(key) = RsaPublicKey::from_public_key_der(&key) {
            let key = VerifyingKey::<Sha256>::new(key);
            return key.verify(&message, &Signature::try_from(signature).unwrap()).is_ok();
        }
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(&key) {
            let signature = p256::ecdsa::DerSignature::try_from(signature).unwrap();
            return key.verify(&message, &signature).is_ok();
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_der(&key).unwrap();
        key.verify_strict(&message, &ed25519_dalek::Signature::from_slice(signature).unwrap())
            .is_ok()
    }

    #[test]
    fn numbers_are_in_their_range() {
        let numbers = run("{{range until 400}}{{randInt -2 3}} {{end}}");
        let numbers: BTreeSet<&str> = numbers.split_whitespace().collect();
        assert_eq!(numbers, BTreeSet::from(["-2", "-1", "0", "1", "2"]));
    }

    #[test]
    fn shuffles_characters() {
        let shuffled: BTreeSet<String> = (0..200).map(|_| run("{{shuffle `aéb`}}")).collect();
        let all = ["aéb", "abé", "éab", "éba", "baé", "béa"].map(str::to_owned);
        assert_eq!(shuffled, BTreeSet::from(all));
    }

    #[test]
    fn password_hashes_verify() {
        let hash = run("{{bcrypt `pässword`}}");
        assert!(bcrypt::verify("pässword", &hash).unwrap(), "{hash}");
        assert!(!bcrypt::verify("password", &hash).unwrap());
        let line = run("{{htpasswd `user` `secret`}}");
        let (user, hash) = line.split_once(':').unwrap();
        assert_eq!(user, "user");
        assert!(bcrypt::verify("secret", hash).unwrap());
    }

    #[test]
    fn decrypts_what_it_encrypted() {
        for length in [1, 15, 16, 17, 100] {
            let text = format!("{{{{$t := repeat {length} `x`}}}}{{{{encryptAES `k` $t}}}}");
            assert_ne!(run(&text), run(&text), "the vector is random");
            let both = format!("{text}{{{{encryptAES `k` $t | decryptAES `k` | eq $t}}}}");
            assert!(run(&both).ends_with("true"));
        }
    }

    #[test]
    fn an_authority_signs_certificates() {
        let [ca, ca_key, cert, key] = parts(
            "{{$ca := genCA `my authority` 365}}\
             {{$c := genSignedCert `*.example.com` (list `10.0.0.1` `::1`) (list `a.example`) 30 $ca}}\
             {{$ca.Cert}}|{{$ca.Key}}|{{$c.Cert}}|{{$c.Key}}",
        );
        let (ca, cert) = (certificate(&ca), certificate(&cert));
        let (authority, leaf) = (ca.tbs_certificate(), cert.tbs_certificate());
        assert!(is_signed_by(&ca, &ca) && is_signed_by(&cert, &ca));
        assert!(!is_signed_by(&ca, &cert));
        assert_eq!(authority.subject().to_string(), "CN=my authority");
        assert_eq!(authority.issuer(), authority.subject());
        assert_eq!(leaf.subject().to_string(), "CN=*.example.com");
        assert_eq!(leaf.issuer(), authority.subject());
        for (key, certificate) in [(ca_key, authority), (key, leaf)] {
            let key = RsaPrivateKey::from_pkcs1_pem(&key).unwrap();
            assert_eq!(key.size(), 256);
            let public = certificate.subject_public_key_info().to_der().unwrap();
            assert_eq!(RsaPublicKey::from_public_key_der(&public).unwrap(), key.to_public_key());
        }
        let length = |certificate: &x509_cert::TbsCertificate| {
            let validity = certificate.validity();
            let (from, to) = (validity.not_before, validity.not_after);
            (to.to_unix_duration().as_secs() - from.to_unix_duration().as_secs()) / 86_400
        };
        assert_eq!((length(authority), length(leaf)), (365, 30));
        assert_ne!(authority.serial_number(), leaf.serial_number());
    }

    #[test]
    fn certificates_have_the_extensions_of_go() {
        let [ca, cert] = parts(
            "{{$ca := genCAWithKey `ca` 1 (genPrivateKey `ecdsa`)}}\
             {{$c := genSignedCertWithKey `leaf` (list `10.0.0.1`) (list `a.b`) 1 $ca \
                (genPrivateKey `ed25519`)}}{{$ca.Cert}}|{{$c.Cert}}",
        );
        let (ca, cert) = (certificate(&ca), certificate(&cert));
        let (authority, leaf) = (ca.tbs_certificate(), cert.tbs_certificate());
        let usage = |tbs: &x509_cert::TbsCertificate| {
            let (critical, usage) = tbs.get_extension::<KeyUsage>().unwrap().unwrap();
            (critical, usage.digital_signature(), usage.key_encipherment(), usage.key_cert_sign())
        };
        assert_eq!(usage(authority), (true, true, true, true));
        assert_eq!(usage(leaf), (true, true, true, false));
        let is_ca = |tbs: &x509_cert::TbsCertificate| {
            let (critical, constraints) = tbs.get_extension::<BasicConstraints>().unwrap().unwrap();
            (critical, constraints.ca)
        };
        assert_eq!((is_ca(authority), is_ca(leaf)), ((true, true), (true, false)));
        let (_, purposes) = leaf.get_extension::<ExtendedKeyUsage>().unwrap().unwrap();
        assert_eq!(purposes.0.len(), 2);
        let (_, of_ca) = authority.get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
        let (_, by) = leaf.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
        assert_eq!(by.key_identifier.unwrap(), of_ca.0);
        assert!(leaf.get_extension::<SubjectKeyIdentifier>().unwrap().is_none());
        let (_, names) = leaf.get_extension::<SubjectAltName>().unwrap().unwrap();
        let names: Vec<String> = names
            .0
            .iter()
            .map(|name| match name {
                GeneralName::DnsName(name) => name.to_string(),
                GeneralName::IpAddress(bytes) => format!("{:?}", bytes.as_bytes()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, ["a.b", "[10, 0, 0, 1]"]);
    }

    #[test]
    fn any_key_signs_itself_and_others() {
        for (ca_kind, kind) in [("ecdsa", "rsa"), ("ed25519", "ecdsa"), ("ecdsa", "ed25519")] {
            let key = |kind| match kind {
                // A key of 4096 bits takes its time.
                "rsa" => "(genSelfSignedCert `k` nil nil 1).Key".to_owned(),
                kind => format!("(genPrivateKey `{kind}`)"),
            };
            let [alone, ca, cert] = parts(&format!(
                "{{{{$k := {}}}}}{{{{$ca := genCAWithKey `ca` 1 {}}}}}\
                 {{{{(genSelfSignedCertWithKey `s` nil nil 1 $k).Cert}}}}|{{{{$ca.Cert}}}}|\
                 {{{{(genSignedCertWithKey `c` nil nil 1 $ca $k).Cert}}}}",
                key(kind),
                key(ca_kind)
            ));
            let [alone, ca, cert] = [alone, ca, cert].map(|text| certificate(&text));
            assert!(is_signed_by(&alone, &alone), "{kind}");
            assert!(is_signed_by(&ca, &ca) && is_signed_by(&cert, &ca), "{ca_kind} {kind}");
        }
    }

    #[test]
    fn makes_large_rsa_and_dsa_keys() {
        let key = RsaPrivateKey::from_pkcs1_pem(&run("{{genPrivateKey ``}}")).unwrap();
        assert_eq!(key.size(), 512);
        let [dsa, error] = parts(
            "{{$k := genPrivateKey `dsa`}}{{$k}}|{{hasPrefix `-----BEGIN DSA PRIVATE KEY-----` $k}}",
        );
        assert_eq!(error, "true");
        let (label, bytes) = x509_cert::der::pem::decode_vec(dsa.as_bytes()).unwrap();
        let numbers: Vec<x509_cert::der::asn1::Uint> =
            x509_cert::der::Decode::from_der(&bytes).unwrap();
        let lengths: Vec<usize> = numbers.iter().map(|n| n.as_bytes().len()).collect();
        assert_eq!(label, "DSA PRIVATE KEY");
        assert_eq!(lengths.len(), 6);
        assert_eq!((lengths[1], lengths[2]), (256, 32));
    }

    #[test]
    fn knows_how_long_something_is_past() {
        assert_eq!(run("{{durationRound (toDate `2006` `1990`) | hasSuffix `y`}}"), "true");
        let ago = run("{{ago (toDate `2006` `2020`)}}");
        let hours: u64 = ago.split_once('h').unwrap().0.parse().unwrap();
        assert!((50_000..1_000_000).contains(&hours), "{ago}");
        assert!(run("{{ago 0}}").ends_with('s'));
    }

    #[test]
    fn refuses_a_key_that_is_not_that_of_the_authority() {
        let error = crate::support::run(
            "{{$a := genCAWithKey `a` 1 (genPrivateKey `ecdsa`)}}\
             {{$b := buildCustomCert (b64enc $a.Cert) (b64enc (genPrivateKey `ecdsa`))}}\
             {{genSignedCertWithKey `c` nil nil 1 $b (genPrivateKey `ecdsa`)}}",
        );
        let want = "x509: provided PrivateKey doesn't match parent's PublicKey";
        assert!(error.unwrap_err().ends_with(want));
    }
}
