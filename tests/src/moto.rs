//! A Moto, which plays Amazon's services, and checks signatures once it has a user.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::Bed;
use crate::process::Process;
use crate::{Outcome, port};

/// A running Moto with one user.
pub struct Moto {
    url: String,
    id: String,
    secret: String,
    /// What the calls before the first that was checked answered.
    answers: Vec<String>,
    _process: Process,
}

/// A call of the time before anything is checked: a service, what names the call, and its body.
pub enum Call<'c> {
    /// `Action=…`
    Query(&'c str, String),
    /// `TrentService.CreateKey`
    Json(&'c str, &'c str, Value),
}

impl Moto {
    /// Starts a Moto in which `calls` were made, with a user who may do what `actions` say.
    pub async fn start(bed: &Bed, actions: &[&str], calls: &[Call<'_>]) -> Outcome<Self> {
        // What makes the user is not checked, nor what was asked for besides.
        let mut moto = Self::launch(bed, calls.len() + 3).await?;
        for call in calls {
            let answer = moto.call(bed, call).await?;
            moto.answers.push(answer);
        }
        let act = async |action: String| {
            let call = Call::Query("iam", format!("Version=2010-05-08&UserName=robot&{action}"));
            moto.call(bed, &call).await
        };
        act("Action=CreateUser".to_owned()).await?;
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": "*"},
        ]});
        let policy = escaped(&policy.to_string());
        act(format!("Action=PutUserPolicy&PolicyName=may&PolicyDocument={policy}")).await?;
        let key = act("Action=CreateAccessKey".to_owned()).await?;
        let missing = || format!("moto gave no key: {key}");
        moto.id = element(&key, "AccessKeyId").ok_or_else(missing)?;
        moto.secret = element(&key, "SecretAccessKey").ok_or_else(missing)?;
        Ok(moto)
    }

    /// Starts a Moto that has no user and checks nothing: it knows a call that nobody signs, such as
    /// one that trades a token, only so.
    pub async fn credulous(bed: &Bed) -> Outcome<Self> {
        Self::launch(bed, usize::MAX >> 32).await
    }

    /// Starts a Moto that believes so many calls.
    async fn launch(bed: &Bed, believed: usize) -> Outcome<Self> {
        let port = port::free();
        let mut command = bed.command("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", believed.to_string());
        let log = bed.path("log").join(bed.unique("moto"));
        let process = Process::start("moto_server", command, log)?;
        let url = format!("http://127.0.0.1:{port}");
        let data = format!("{url}/moto-api/data.json");
        process
            .ready(Duration::from_secs(60), async || bed.http().answers(&data, 200).await)
            .await?;
        Ok(Self {
            url,
            id: String::new(),
            secret: String::new(),
            answers: Vec::new(),
            _process: process,
        })
    }

    async fn call(&self, bed: &Bed, call: &Call<'_>) -> Outcome<String> {
        let (service, kind, target, body) = match call {
            Call::Query(service, body) => {
                (*service, "application/x-www-form-urlencoded", None, body.clone())
            }
            Call::Json(service, target, body) => {
                (*service, "application/x-amz-json-1.1", Some(*target), body.to_string())
            }
        };
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = bed.http().request("POST", &self.url).header("Authorization", &scope);
        let request = match target {
            Some(target) => request.header("X-Amz-Target", target),
            None => request,
        };
        Ok(request.body(kind, body).expect(200).await?.text())
    }

    /// Where every service is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the calls of [`Moto::start`] answered, in order.
    pub fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The user's secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The variables of a process that is the user, if `secret` is theirs.
    pub fn environment<'e>(&'e self, secret: &'e str) -> [(&'e str, &'e str); 3] {
        [
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ACCESS_KEY_ID", &self.id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
    }
}

fn element(xml: &str, name: &str) -> Option<String> {
    let after = xml.split_once(&format!("<{name}>"))?.1;
    Some(after.split_once('<')?.0.to_owned())
}

/// A text as a form carries it.
pub fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}
