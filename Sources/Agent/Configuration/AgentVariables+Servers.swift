import ClusterAccess
import HTTPTransport
import ProgramConfiguration
import ResourceClient

/// The variables that say which servers the Agent speaks to, and how it proves itself.
extension EnvironmentVariables {
  func backendEndpoint() throws(ConfigurationError) -> APIEndpoint {
    let endpoint = APIEndpoint(
      try url("BACKEND_URL", default: "http://localhost:3000"), token: try token(),
      tls: TLSSettings(certificateAuthorityFile: self["CA_FILE"]), allowsInsecureHTTP: try flag("INSECURE_HTTP"))
    guard !endpoint.isInsecure else {
      throw wrong(
        "BACKEND_URL",
        "would have the token travel to another machine without TLS: use https, or set \(prefix)INSECURE_HTTP=true in a "
          + "network that you trust")
    }
    return endpoint
  }

  private func token() throws(ConfigurationError) -> TokenSource {
    switch (self["TOKEN"], self["TOKEN_FILE"]) {
    case (nil, nil):
      throw wrong(
        "TOKEN_FILE",
        "is not set: name the file that holds this Agent's token; wrktalk-backend token create --role agent --namespace "
          + "NAMESPACE makes one")
    case (let token?, nil): return .fixed(token)
    case (nil, let path?): return .file(path: path)
    case (_?, _?): throw wrong("TOKEN", "is set together with \(prefix)TOKEN_FILE; set only one of them")
    }
  }

  func cluster(readFile: (String) -> String?) throws(ConfigurationError) -> ClusterConfiguration {
    do throws(ConfigurationError) {
      return try ClusterConfiguration(kubeconfig: self["KUBECONFIG"], environment: environment, readFile: readFile)
    } catch {
      let isByDefault = self["SOURCE"] == nil && self["DEPLOYMENT_TYPE"] == nil
      let advice = isByDefault ? "; to deploy with Docker Compose, set \(prefix)DEPLOYMENT_TYPE to docker" : ""
      let variable = self["KUBECONFIG"] == nil ? "KUBECONFIG" : prefix + "KUBECONFIG"
      throw ConfigurationError("\(error)\(advice)", setting: variable)
    }
  }
}
