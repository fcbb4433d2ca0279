import FleetKinds
