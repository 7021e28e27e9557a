package fhirtrial;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.FhirVersionEnum;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/** HL7's validator, offline: the specification's own profiles and value sets; codes of foreign systems only warn. */
final class Validation {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Validation() {}

    @SuppressWarnings("deprecation") // its successor acts on the finished messages of a running server only
    static FhirInstanceValidator validator(FhirContext fhir) {
        var foreign = new org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport(fhir);
        foreign.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
        var validator = new FhirInstanceValidator(new ValidationSupportChain(
                new Published(fhir),
                new DefaultProfileValidationSupport(fhir),
                new CommonCodeSystemsTerminologyService(fhir),
                new InMemoryTerminologyServerValidationSupport(fhir),
                foreign));
        validator.setValidatorPolicyAdvisor(new Published.Policy());
        validator.setAnyExtensionsAllowed(true);
        validator.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        return validator;
    }

    /** One resource per input line, one verdict per output line, in the same order. */
    static void run(String release, InputStream in, PrintStream out) throws IOException {
        var fhir = FhirContext.forCached(FhirVersionEnum.valueOf(release));
        var validator = fhir.newValidator().registerValidatorModule(validator(fhir));
        var lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))
                .lines().filter(Predicate.not(String::isBlank)).toList();
        IntStream.range(0, lines.size()).parallel()
                .mapToObj(index -> verdict(validator, index, lines.get(index)))
                .forEachOrdered(verdict -> out.writeBytes((verdict + "\n").getBytes(StandardCharsets.UTF_8)));
        out.flush();
    }

    private static String verdict(FhirValidator validator, int index, String line) {
        try {
            JsonNode resource = JSON.readTree(line);
            var messages = validator.validateWithResult(line).getMessages();
            var verdict = JSON.createObjectNode().put("index", index);
            verdict.set("resourceType", resource.get("resourceType"));
            verdict.set("id", resource.get("id"));
            verdict.set("errors", texts(messages, severity -> severity.compareTo(ResultSeverityEnum.ERROR) >= 0));
            verdict.set("warnings", texts(messages, ResultSeverityEnum.WARNING::equals));
            return JSON.writeValueAsString(verdict);
        } catch (JsonProcessingException broken) {
            throw new UncheckedIOException("line " + (index + 1) + " is not JSON", broken);
        }
    }

    private static JsonNode texts(List<SingleValidationMessage> messages, Predicate<ResultSeverityEnum> wanted) {
        var texts = JSON.createArrayNode();
        messages.stream()
                .filter(message -> wanted.test(message.getSeverity()))
                .forEach(message -> texts.add(message.getLocationString() + ": " + message.getMessage()));
        return texts;
    }
}
