package fhirtrial;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.hl7.fhir.common.hapi.validation.validator.FhirDefaultPolicyAdvisor;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.CodeSystem;

/**
 * The expression languages of Using CQL with FHIR: R4 binds Expression.language to any media type, but HAPI, offline,
 * knows three codes of it.
 */
final class Published implements IValidationSupport {
    private static final String LANGUAGES = "http://hl7.org/fhir/expression-language";
    private final FhirContext fhir;
    private final IValidationSupport specification;

    Published(FhirContext fhir) {
        this.fhir = fhir;
        this.specification = new DefaultProfileValidationSupport(fhir);
    }

    @Override
    public FhirContext getFhirContext() {
        return fhir;
    }

    @Override
    public IBaseResource fetchCodeSystem(String url) {
        if (!LANGUAGES.equals(url) || !(specification.fetchCodeSystem(url) instanceof CodeSystem known)) return null;
        var languages = known.copy();
        for (var code : List.of("text/cql-identifier", "text/cql-expression")) languages.addConcept().setCode(code);
        return languages;
    }

    @Override
    public boolean isCodeSystemSupported(ValidationSupportContext context, String system) {
        return LANGUAGES.equals(system);
    }

    /** Two of the validator's verdicts that the specification does not share. */
    static final class Policy extends FhirDefaultPolicyAdvisor {
        // R4 has no code for a study whose status is not known; data-absent-reason stands in its place.
        private static final Pattern STATUS = Pattern.compile("(ResearchStudy|Bundle\\.entry\\[\\d+\\]\\.resource.*)\\.status");
        // R5 elements as extensions: their package (hl7.fhir.uv.xver-r5.r4) is not at hand.
        private static final Pattern R5 = Pattern.compile(".*http://hl7\\.org/fhir/5\\.0/StructureDefinition/extension-.*");
        private static final Map<String, Pattern> NOT_JUDGED =
                Map.of("Terminology_TX_Code_ValueSet_MISSING", STATUS, "Extension_EXT_Version_Invalid", R5);

        @Override
        public boolean isSuppressMessageId(String path, String messageId) {
            var where = NOT_JUDGED.get(messageId);
            return where != null && where.matcher(path).matches();
        }
    }
}
