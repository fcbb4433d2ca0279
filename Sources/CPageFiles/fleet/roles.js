// What who is signed in may do here; the server decides it again.

export const mayChange = (api) => api.hasRole("admin", "engineer");
