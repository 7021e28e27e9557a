package fhirtrial;

/** One program, two uses: {@code serve PORT --fhir R4|R5} and {@code validate [--fhir R4|R5]}. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        // An explicit exit: the database's and the server's threads would keep a failed process alive.
        System.exit(run(args));
    }

    private static int run(String[] args) {
        try {
            if (args.length == 4 && args[0].equals("serve") && args[2].equals("--fhir")) {
                Server.serve(Integer.parseInt(args[1]), args[3]);
            } else if (args.length == 1 && args[0].equals("validate")) {
                Validation.run("R4", System.in, System.out);
            } else if (args.length == 3 && args[0].equals("validate") && args[1].equals("--fhir")) {
                Validation.run(args[2], System.in, System.out);
            } else {
                System.err.println("usage: serve PORT --fhir R4|R5 | validate [--fhir R4|R5]");
                return 2;
            }
            return 0;
        } catch (Exception failure) {
            failure.printStackTrace();
            return 1;
        }
    }
}
