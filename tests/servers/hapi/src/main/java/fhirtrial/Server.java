package fhirtrial;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import java.io.OutputStream;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI FHIR JPA R4 on loopback, every write checked by HL7's validator; prints READY and its base URL.
 * It lives as long as its standard input, so that it never outlives the test run that started it.
 */
final class Server {
    private Server() {}

    static void serve(int port) throws Exception {
        var jetty = new org.eclipse.jetty.server.Server();
        var connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        connector.open(); // a port that is taken is found before the database is built
        var beans = new AnnotationConfigApplicationContext(Storage.class);
        jetty.addConnector(connector);
        var context = new ServletContextHandler("/");
        var servlet = new ServletHolder(fhir(beans));
        servlet.setInitOrder(0); // ready means ready, not at the first request
        context.addServlet(servlet, "/fhir/*");
        jetty.setHandler(context);
        jetty.start();
        System.out.println("READY http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
        System.out.flush();
        System.in.transferTo(OutputStream.nullOutputStream());
    }

    private static RestfulServer fhir(AnnotationConfigApplicationContext beans) {
        var r4 = beans.getBean(FhirContext.class);
        var server = new RestfulServer(r4);
        server.registerProviders(beans.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
        server.registerProvider(beans.getBean("mySystemProviderR4", JpaSystemProvider.class));
        server.setServerConformanceProvider(new JpaCapabilityStatementProvider(
                server,
                beans.getBean("mySystemDaoR4", IFhirSystemDao.class),
                beans.getBean(JpaStorageSettings.class),
                beans.getBean(ISearchParamRegistry.class),
                beans.getBean(IValidationSupport.class)));
        server.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));

        var validating = new RequestValidatingInterceptor();
        validating.addValidatorModule(Validation.validator(r4));
        validating.setFailOnSeverity(ResultSeverityEnum.ERROR);
        validating.setAddResponseHeaderOnSeverity(null);
        server.registerInterceptor(validating);
        return server;
    }
}
