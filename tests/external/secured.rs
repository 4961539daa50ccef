//! Clusters of Apache Kafka with TLS, client certificates and logins, and listeners whose certificates are not valid.

mod provider;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, crypto::ring::default_provider};
use windrow_testing::documents::{block, start};
use windrow_testing::kafka::{Kafka, Security, kafka};
use windrow_testing::{Running, assert_whole, command, sample_with, text, wait_until};

use crate::secured::provider::Provider;

const PASSWORD: &str = "a-secret-of-the-test";

/// Writes the sample's pipeline with a `[kafka]` table.
fn pipeline(folder: &Path, kafka: &str) -> String {
    pipeline_with(folder, "partitions = 3", kafka)
}

/// Writes the sample's pipeline with a `[stream]` and a `[kafka]` table.
fn pipeline_with(folder: &Path, stream: &str, kafka: &str) -> String {
    sample_with(folder, "rows = 500", &format!("{stream}\n[kafka]\n{kafka}"))
}

/// Returns the error of `topic describe`, which must fail.
fn refused(file: &str, address: &str, more: &[(&str, &str)]) -> String {
    let mut command = command(&["topic", "describe", file, "--broker", address]);
    let output = command.envs(more.iter().copied()).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// A certificate authority, with its certificate as PEM.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The certificate and the key of a server or a client.
struct CertificateFiles {
    certificate: String,
    key: KeyPair,
    der: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        // A certificate whose issuer has the same name as its subject would count as self-signed.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = rcgen::IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, name: &str, last_year: i32) -> CertificateFiles {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let der = params.signed_by(&key, &self.issuer).expect("a certificate");
        CertificateFiles { certificate: der.pem(), key, der }
    }

    /// Returns lines of a node's properties: its certificate, and the authority that it trusts.
    fn properties(&self, folder: &Path, more: &str) -> String {
        let files = self.sign("127.0.0.1", 2100);
        let (keys, trust) = (folder.join("server.pem"), folder.join("ca.pem"));
        fs::write(&keys, format!("{}{}{}", files.key.serialize_pem(), files.certificate, self.pem)).expect("a file");
        fs::write(&trust, &self.pem).expect("a file");
        format!(
            "ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={}\n{more}",
            keys.display(),
            trust.display()
        )
    }
}

fn started(file: &str, arguments: &[&str]) -> Running {
    let words = if arguments[0] == "topic" { 2 } else { 1 };
    let arguments = [&arguments[..words], &[file], &arguments[words..]].concat();
    Running::spawn(command(&arguments).env("WINDROW_KAFKA_SASL_PASSWORD", PASSWORD))
}

fn finished(file: &str, arguments: &[&str]) -> String {
    let mut running = started(file, arguments);
    assert!(running.end().success(), "{arguments:?}: {}", running.output());
    running.output()
}

/// Starts three nodes with TLS and one user, who can log in by SCRAM or PLAIN.
fn with_logins(distribution: &Path, authority: &Authority, folder: &Path) -> Kafka {
    let login = format!("required username=\"windrow\" password=\"{PASSWORD}\"");
    let module = |kind: &str| format!("org.apache.kafka.common.security.{kind}LoginModule {login}");
    let more = format!(
        "ssl.client.auth=none\nsasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN\n\
         sasl.mechanism.inter.broker.protocol=PLAIN\n\
         listener.name.clients.plain.sasl.jaas.config={} user_windrow=\"{PASSWORD}\";\n\
         listener.name.clients.scram-sha-256.sasl.jaas.config={};\nlistener.name.clients.scram-sha-512.sasl.jaas.config={};\n",
        module("plain.Plain"),
        module("scram.Scram"),
        module("scram.Scram"),
    );
    let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(|kind| format!("{kind}=[name=windrow,password={PASSWORD}]"));
    let security = Security {
        protocol: "SASL_SSL",
        properties: authority.properties(folder, &more),
        users: &users.each_ref().map(String::as_str),
        options: String::new(),
    };
    Kafka::start_secured(distribution, 3, &security)
}

/// Returns a `[kafka]` table with a login.
fn login(mechanism: &str, authorities: &Path) -> String {
    format!(
        "security.protocol = \"SASL_SSL\"\nsasl.mechanism = \"{mechanism}\"\nsasl.username = \"windrow\"\n\
         ssl.ca.location = \"{}\"",
        authorities.display()
    )
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn all_stages_work_with_tls_and_logins() {
    let Some(distribution) = kafka() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let cluster = with_logins(&distribution, &authority, folder.path());
    let (address, authorities) = (&cluster.address, folder.path().join("ca.pem"));
    // The settings and the consumer are those of the document.
    let page = "docs/deployment.md";
    let settings = block(page, "[kafka]", &[("/etc/kafka/ca.pem", &authorities.display().to_string())]);
    let file = sample_with(folder.path(), "rows = 500", &format!("partitions = 3\n{settings}"));
    let workdir = folder.path().join("work").display().to_string();
    let arguments = ["--broker", address, "--workdir", &workdir];
    finished(&file, &["topic", "create", "--broker", address]);
    let consume = block(
        page,
        "WINDROW_KAFKA_SASL_PASSWORD=",
        &[
            ("SASL_PASSWORD=...", &format!("SASL_PASSWORD={PASSWORD}")),
            ("my.toml", &format!("{file} --once --workdir {workdir}")),
            ("kafka.example.org:9093", address),
        ],
    );
    let mut consumer = start(folder.path(), &consume);
    finished(&file, &[&["produce"][..], &arguments].concat());
    assert!(consumer.end().success(), "{}", consumer.output());
    finished(&file, &["train", "--workdir", &workdir, "--once"]);
    let mut server = started(&file, &["serve", "--workdir", &workdir, "--listen", "127.0.0.1:0"]);
    let line = server.wait_for("http://");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("an address");
    let models = ureq::get(format!("{}/v1/models", url.trim_end_matches('/'))).call().expect("it answers");
    assert_eq!(models.status(), 200);
    assert!(server.interrupt().0.success(), "{}", server.output());
    assert_whole(Path::new(&workdir));
    assert!(finished(&file, &[&["audit"][..], &arguments].concat()).contains("8,019 read = 8,019 delivered"));
    let run = fs::read_to_string(Path::new(&workdir).join("run.json")).expect("a run");
    assert!(!run.contains(PASSWORD) && !run.contains("sasl"), "{run}");

    // The same with a file of settings, and with other mechanisms.
    fs::write(folder.path().join("secrets"), format!("sasl.password={PASSWORD}\n")).expect("a file");
    for mechanism in ["SCRAM-SHA-256", "PLAIN"] {
        let file = pipeline(folder.path(), &format!("{}\nfile = \"secrets\"", login(mechanism, &authorities)));
        let output = command(&["topic", "describe", &file, "--broker", address]).output().expect("the binary runs");
        assert!(output.status.success(), "{mechanism}: {}", text(&output.stderr));
    }

    // A secret does not appear in a log either, even with all logging enabled.
    for password in [PASSWORD, "another-secret"] {
        let mut command = command(&["produce", &file, "--broker", address, "--workdir", &workdir, "-X", "debug=all"]);
        let command = command.env("WINDROW_KAFKA_SASL_PASSWORD", password).env("WINDROW_LOG", "trace");
        let output = command.output().expect("the binary runs");
        let output_text = text(&output.stderr);
        assert!(output_text.contains("SCRAM-SHA-512"), "the client library logs: {output_text}");
        assert!(!output_text.contains(password) && !text(&output.stdout).contains(password), "{output_text}");
    }

    let right = [("WINDROW_KAFKA_SASL_PASSWORD", PASSWORD)];
    let output_text = refused(&file, address, &[("WINDROW_KAFKA_SASL_PASSWORD", "another-secret")]);
    assert!(
        output_text.contains("the login is refused")
            && output_text.contains("sasl.username")
            && !output_text.contains("another"),
        "{output_text}"
    );
    let other = folder.path().join("other.pem");
    fs::write(&other, Authority::new().pem).expect("a file");
    let output_text = refused(&pipeline(folder.path(), &login("PLAIN", &other)), address, &right);
    let expected = "its certificate was not issued by an authority in ";
    assert!(output_text.contains(expected) && output_text.contains("other.pem"), "{output_text}");
    let output_text = refused(&pipeline(folder.path(), ""), address, &[]);
    assert!(output_text.contains("uses TLS; set security.protocol to SSL or SASL_SSL in [kafka]"), "{output_text}");
    let plain = "security.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"PLAIN\"\nsasl.username = \"windrow\"";
    let output_text = refused(&pipeline(folder.path(), plain), address, &right);
    assert!(output_text.contains("uses TLS; set security.protocol"), "{output_text}");
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn processes_share_a_secured_topic_while_some_are_killed() {
    let Some(distribution) = kafka() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let mut cluster = with_logins(&distribution, &authority, folder.path());
    let address = cluster.address.clone();
    let stream = "partitions = 12\npace = { kind = \"fixed\", delay = \"1ms\" }";
    let file = pipeline_with(folder.path(), stream, &login("SCRAM-SHA-256", &folder.path().join("ca.pem")));
    let workdir = folder.path().join("work").display().to_string();
    let arguments = ["--broker", &address, "--workdir", &workdir];
    let settings = ["--replication", "3", "--config", "min.insync.replicas=2"];
    finished(&file, &[&["topic", "create", "--broker", &address][..], &settings].concat());
    let member = || {
        let quick = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300"];
        started(&file, &[&["consume"][..], &arguments, &["--once", "--group", "readers"], &quick].concat())
    };
    let sender = |share: &str| started(&file, &[&["produce"][..], &arguments, &["--share", share]].concat());
    let mut members: Vec<Running> = (0..3).map(|_| member()).collect();
    let mut senders: Vec<Running> = ["1/3", "2/3", "3/3"].map(sender).into();
    wait_for_file(&Path::new(&workdir).join("batches/window-00002.json"));
    cluster.kill(1);
    senders[1].kill();
    members[2].kill();
    senders[1] = sender("2/3");
    members[2] = member();
    wait_for_file(&Path::new(&workdir).join("batches/window-00006.json"));
    cluster.up(1);
    for running in senders.iter_mut().chain(&mut members) {
        assert!(running.end().success(), "{}", running.output());
    }
    assert_whole(Path::new(&workdir));
    assert!(finished(&file, &[&["audit"][..], &arguments].concat()).contains("8,019 read = 8,019 delivered"));
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn a_token_of_an_identity_provider_lets_in() {
    let Some(distribution) = kafka() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let provider = Provider::start(folder.path());
    let module = "org.apache.kafka.common.security";
    let properties = format!(
        "sasl.enabled.mechanisms=OAUTHBEARER,PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n\
         listener.name.clients.plain.sasl.jaas.config={module}.plain.PlainLoginModule required username=\"n\" password=\"p\" \
         user_n=\"p\";\n\
         listener.name.clients.oauthbearer.sasl.jaas.config={module}.oauthbearer.OAuthBearerLoginModule required;\n\
         listener.name.clients.oauthbearer.sasl.server.callback.handler.class={module}.oauthbearer.\
         OAuthBearerValidatorCallbackHandler\n\
         sasl.oauthbearer.jwks.endpoint.url={}\nsasl.oauthbearer.expected.audience=windrow\n\
         sasl.oauthbearer.expected.issuer=https://provider.example\n",
        provider.keys
    );
    let options = format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}", provider.keys);
    let security = Security { protocol: "SASL_PLAINTEXT", properties, users: &[], options };
    let cluster = Kafka::start_secured(&distribution, 1, &security);
    let table = format!(
        "security.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"OAUTHBEARER\"\nsasl.oauthbearer.method = \"oidc\"\n\
         sasl.oauthbearer.client.id = \"windrow\"\nsasl.oauthbearer.token.endpoint.url = \"{}\"",
        provider.tokens
    );
    let file = pipeline(folder.path(), &table);
    let create = ["topic", "create", &file, "--broker", &cluster.address];
    let created = command(&create).env("WINDROW_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET", PASSWORD).output();
    let created = created.expect("the binary runs");
    assert!(created.status.success(), "{}", text(&created.stderr));
    let wrong = [("WINDROW_KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET", "another-secret")];
    let output = refused(&file, &cluster.address, &wrong);
    assert!(output.contains("the login is refused") && output.contains("CLIENT_SECRET"), "{output}");
    assert!(!output.contains("another-secret"), "{output}");
}

fn wait_for_file(path: &Path) {
    wait_until(&format!("{} appears", path.display()), || path.exists());
}

#[test]
#[ignore = "needs a Kafka distribution and Java"]
fn a_cluster_may_ask_for_a_certificate_of_the_client() {
    let Some(distribution) = kafka() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let properties = authority.properties(folder.path(), "ssl.client.auth=required\n");
    let cluster = Kafka::start_secured(
        &distribution,
        1,
        &Security { protocol: "SSL", properties, users: &[], options: String::new() },
    );
    let base = format!("security.protocol = \"SSL\"\nssl.ca.location = \"{}\"", folder.path().join("ca.pem").display());
    let output = refused(&pipeline(folder.path(), &base), &cluster.address, &[]);
    assert!(
        output.contains("it requires a client certificate") && output.contains("ssl.certificate.location"),
        "{output}"
    );
    let files = authority.sign("client", 2100);
    let (certificate, key) = (folder.path().join("client.pem"), folder.path().join("client.key"));
    fs::write(&certificate, &files.certificate).expect("a file");
    fs::write(&key, files.key.serialize_pem()).expect("a file");
    let whole = format!(
        "{base}\nssl.certificate.location = \"{}\"\nssl.key.location = \"{}\"",
        certificate.display(),
        key.display()
    );
    let file = pipeline(folder.path(), &whole);
    finished(&file, &["topic", "create", "--broker", &cluster.address]);
}

#[test]
fn an_expired_certificate_and_one_for_another_host_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let authorities = folder.path().join("ca.pem");
    fs::write(&authorities, &authority.pem).expect("a file");
    let table = format!("security.protocol = \"SSL\"\nssl.ca.location = \"{}\"", authorities.display());
    let file = pipeline(folder.path(), &table);
    for (files, expected) in [
        (authority.sign("127.0.0.1", 2021), "its certificate has expired; renew it on the broker"),
        (authority.sign("elsewhere.example", 2100), "its certificate is not valid for `127.0.0.1`"),
    ] {
        let output = refused(&file, &listen(&files), &[]);
        assert!(output.contains(expected), "{output}");
    }
}

/// Listens for TLS connections with a certificate, and does nothing else. Returns the address.
fn listen(files: &CertificateFiles) -> String {
    let key = PrivateKeyDer::try_from(files.key.serialize_der()).expect("a key");
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![files.der.der().clone()], key);
    let config = Arc::new(config.expect("a certificate"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        }
    });
    address
}
