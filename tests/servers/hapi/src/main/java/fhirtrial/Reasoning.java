package fhirtrial;

import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.repository.HapiFhirRepository;
import ca.uhn.fhir.rest.api.server.IRepositoryFactory;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.RestfulServer;
import java.time.ZoneOffset;
import java.util.List;
import java.util.function.Function;
import org.opencds.cqf.fhir.cr.CrSettings;
import org.opencds.cqf.fhir.cr.hapi.common.StringTimePeriodHandler;
import org.opencds.cqf.fhir.cr.hapi.r4.measure.MeasureOperationsProvider;
import org.opencds.cqf.fhir.cr.hapi.r4.plandefinition.PlanDefinitionApplyProvider;
import org.opencds.cqf.fhir.cr.measure.MeasureEvaluationOptions;
import org.opencds.cqf.fhir.cr.measure.common.MeasurePeriodValidator;
import org.opencds.cqf.fhir.cr.measure.r4.R4MultiMeasureService;
import org.opencds.cqf.fhir.cr.plandefinition.PlanDefinitionProcessor;

/** Clinical reasoning over the server's own resources: PlanDefinition/$apply and Measure/$evaluate-measure, R4. */
final class Reasoning {
    private Reasoning() {}

    static List<Object> operations(DaoRegistry resources, RestfulServer server) {
        IRepositoryFactory repositories = request -> new HapiFhirRepository(resources, request, server);
        var settings = CrSettings.getDefault(); // holds compiled libraries from call to call
        var options = MeasureEvaluationOptions.defaultOptions().setEvaluationSettings(settings.getEvaluationSettings());
        var plans = new PlanDefinitionApplyProvider(
                request -> new PlanDefinitionProcessor(repositories.create(request), settings));
        Function<RequestDetails, R4MultiMeasureService> service = request -> new R4MultiMeasureService(
                repositories.create(request), options, request.getFhirServerBase(), new MeasurePeriodValidator());
        var measures = new MeasureOperationsProvider(
                service::apply, service::apply, new StringTimePeriodHandler(ZoneOffset.UTC));
        return List.of(plans, measures);
    }
}
