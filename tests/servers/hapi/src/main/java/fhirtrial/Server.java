package fhirtrial;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.r5.JpaR5Config;
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
 * HAPI FHIR JPA on loopback, every write checked by HL7's validator; prints READY and its base URL.
 * It lives as long as its standard input, so that it never outlives the test run that started it.
 */
final class Server {
    private Server() {}

    static void serve(int port, String release) throws Exception {
        var jetty = new org.eclipse.jetty.server.Server();
        var connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        connector.open(); // a port that is taken is found before the database is built
        var beans = new AnnotationConfigApplicationContext(
                Storage.class, release.equals("R5") ? JpaR5Config.class : JpaR4Config.class);
        jetty.addConnector(connector);
        var context = new ServletContextHandler("/");
        var servlet = new ServletHolder(fhir(beans, release));
        servlet.setInitOrder(0); // ready means ready, not at the first request
        context.addServlet(servlet, "/fhir/*");
        jetty.setHandler(context);
        jetty.start();
        System.out.println("READY http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
        System.out.flush();
        System.in.transferTo(OutputStream.nullOutputStream());
    }

    private static RestfulServer fhir(AnnotationConfigApplicationContext beans, String release) {
        var fhir = beans.getBean(FhirContext.class);
        var server = new RestfulServer(fhir);
        var providers = beans.getBean("myResourceProviders" + release, ResourceProviderFactory.class);
        server.registerProviders(providers.createProviders());
        server.registerProvider(beans.getBean("mySystemProvider" + release, JpaSystemProvider.class));
        server.setServerConformanceProvider(new JpaCapabilityStatementProvider(
                server,
                beans.getBean("mySystemDao" + release, IFhirSystemDao.class),
                beans.getBean(JpaStorageSettings.class),
                beans.getBean(ISearchParamRegistry.class),
                beans.getBean(IValidationSupport.class)));
        if (release.equals("R4")) {
            server.registerProviders(Reasoning.operations(beans.getBean(DaoRegistry.class), server));
        }
        server.setPagingProvider(beans.getBean(DatabaseBackedPagingProvider.class));

        var validating = new RequestValidatingInterceptor();
        validating.addValidatorModule(Validation.validator(fhir));
        validating.setFailOnSeverity(ResultSeverityEnum.ERROR);
        validating.setAddResponseHeaderOnSeverity(null);
        server.registerInterceptor(validating);
        return server;
    }
}
